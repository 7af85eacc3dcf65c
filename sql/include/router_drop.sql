\set ECHO none
SET client_min_messages = warning;
DROP TABLE users, photos, likes CASCADE;
DROP TABLE accounts, tags;
DROP TABLE countries;
DROP TABLE home, queries, p_users, p_photos, p_likes, p_accounts, p_tags, p_countries;
DROP FUNCTION mk, plain, rows_of, way_of, compare;
\set ECHO all
