\set ECHO none
DROP PROCEDURE await(text), cut_off(text);
DROP FUNCTION raised(text), stop_at(text, int), job_waits(), job_is(bigint, text[]);
\set ECHO all
