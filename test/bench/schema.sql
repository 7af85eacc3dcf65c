-- Tables of the benchmark. Ids are made by hand, (number << 23) | (shard << 10), so that a pgbench script can
-- choose the shard; :shards is the list of shards with rows (eight of this node, eight and more of others).
CREATE TABLE items (id bigint PRIMARY KEY, payload text NOT NULL);
CREATE TABLE events (id bigint PRIMARY KEY, payload text NOT NULL);
CREATE TABLE branches (bid bigint PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE tellers (bid bigint, tid int, balance bigint NOT NULL, PRIMARY KEY (bid, tid));
CREATE TABLE accounts (bid bigint, aid int, balance bigint NOT NULL, filler text NOT NULL, PRIMARY KEY (bid, aid));
CREATE TABLE history (bid bigint NOT NULL, tid int, aid int, delta int, made timestamptz);
CREATE TABLE bulk (id bigint PRIMARY KEY, other bigint NOT NULL, body text NOT NULL, made timestamptz NOT NULL);
CREATE TABLE many (id bigint PRIMARY KEY, other bigint NOT NULL, body text NOT NULL);
CREATE TABLE fact (id bigint PRIMARY KEY, grp int NOT NULL, n int NOT NULL, amount numeric(10,2) NOT NULL, body text NOT NULL);
CREATE TABLE more (id bigint PRIMARY KEY, kind int NOT NULL, v int NOT NULL);
CREATE TABLE few (id bigint PRIMARY KEY, other int NOT NULL, n int NOT NULL);
CREATE INDEX ON few (other);
CREATE TABLE source (id bigint PRIMARY KEY, other bigint NOT NULL, body text NOT NULL);
