-- The catalog: replicated to every node (catalog_cluster.this_node, .local_changes and relation OIDs apart), written
-- by src/catalog/catalog_write.c only, which knows the column numbers.
\echo Use "CREATE EXTENSION shardext" to load this file. \quit

GRANT USAGE ON SCHEMA shardext TO PUBLIC;

CREATE TABLE shardext.catalog_cluster (
    one             boolean PRIMARY KEY DEFAULT true CHECK (one),
    cluster_id      uuid NOT NULL,
    this_node       int NOT NULL,
    authority       int NOT NULL,
    shard_count     int NOT NULL,
    epoch           timestamptz NOT NULL,
    last_node       int NOT NULL,       -- highest node_id given out so far
    catalog_version bigint NOT NULL,
    local_changes   bigint NOT NULL,    -- of this node: raised by every transaction that writes here
    secret          text NOT NULL       -- by which nodes prove that they are nodes (src/catalog/cluster_secret.c)
);
-- not even pg_read_all_data reads the secret; views of the owner do, and show what they show
ALTER TABLE shardext.catalog_cluster ENABLE ROW LEVEL SECURITY;

CREATE TABLE shardext.catalog_node (
    node_id int PRIMARY KEY,
    node    text NOT NULL UNIQUE,
    host    text NOT NULL,
    port    int NOT NULL,
    dbname  text NOT NULL,
    region  text,
    weight  int NOT NULL
);

CREATE TABLE shardext.catalog_shard (
    shard   int PRIMARY KEY,
    owner   int NOT NULL,       -- node_id, 0 while none
    version bigint NOT NULL
);

CREATE TABLE shardext.catalog_table (
    relation   oid PRIMARY KEY, -- of this node
    kind       text NOT NULL CHECK (kind IN ('sharded', 'reference')),
    keys       smallint[] NOT NULL,
    strategy   text,
    id_columns smallint[] NOT NULL
);

-- Decision records of distributed transactions coordinated here: a record means commit.
CREATE TABLE shardext.catalog_decision (
    gid  text COLLATE "C" PRIMARY KEY, -- cheap to compare: each distributed commit inserts some
    made timestamptz NOT NULL DEFAULT now(),
    token text NOT NULL,    -- of the participant, about what it has prepared (src/dxact/dxact_part.c)
    trouble text            -- 'lost': neither prepared nor committed there; 'unknown': cannot be told any more
);

-- What unshard_table has to know of the table as it was: see src/ddl/table_restore.c.
CREATE TABLE shardext.catalog_past (
    relation oid PRIMARY KEY, -- of this node
    past     text NOT NULL    -- the same on all nodes
);

-- Indexes that CREATE INDEX CONCURRENTLY, started here, builds in the shards: not yet on the table itself. And those that
-- DROP INDEX CONCURRENTLY drops: not any more.
CREATE TABLE shardext.catalog_build (
    relation   oid NOT NULL,    -- the shell of this node
    index_name text NOT NULL,
    drops      boolean NOT NULL,
    PRIMARY KEY (relation, index_name)
);
