-- Views, functions and a home table, made on each node after the tables are sharded.
CREATE TABLE notes (id serial PRIMARY KEY, user_id bigint, note text, words tsvector);

CREATE VIEW user_photos WITH (security_invoker) AS SELECT u.id, u.name, u.mood, p.id AS photo, p.title, p.views
	FROM users u LEFT JOIN photos p ON p.owner_id = u.id;
CREATE VIEW young WITH (security_barrier) AS SELECT id, age, home, born FROM users WHERE age < 30;
CREATE VIEW totals AS SELECT owner_id, count(*) AS photos, sum(views) AS views, max(title) AS title FROM photos GROUP BY owner_id;
CREATE VIEW countries_used AS
	WITH used AS (SELECT DISTINCT country FROM users) SELECT c.* FROM countries c JOIN used ON used.country = c.id;
CREATE VIEW one_user WITH (security_invoker) AS SELECT * FROM users WHERE id = an_id(1);

CREATE FUNCTION double_views(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION photos_of(bigint) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM photos WHERE owner_id = $1';
CREATE FUNCTION name_of(bigint) RETURNS text LANGUAGE plpgsql STABLE AS
	$$BEGIN RETURN (SELECT name FROM users WHERE id = $1); END$$;
CREATE FUNCTION add_note(text) RETURNS void LANGUAGE sql VOLATILE AS 'INSERT INTO notes (note) VALUES ($1)';

GRANT SELECT, INSERT, UPDATE, DELETE ON notes, user_photos, young, totals, countries_used, one_user TO fuzz_user;
GRANT USAGE ON SEQUENCE notes_id_seq TO fuzz_user;
