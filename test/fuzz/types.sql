-- What must exist on every node before tables are sharded.
CREATE TYPE mood AS ENUM ('calm', 'glad', 'sad');
CREATE DOMAIN age AS int CHECK (VALUE >= 0);
CREATE TYPE place AS (street text, no int);
-- An id of shard n % 8.
CREATE FUNCTION an_id(n int, sequence int DEFAULT 0) RETURNS bigint LANGUAGE sql IMMUTABLE AS
	'SELECT ((1000 + n)::bigint << 23) | ((n % 8)::bigint << 10) | sequence';
