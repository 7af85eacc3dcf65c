-- Shards the tables of schema.sql, which are empty.
ALTER TABLE users ALTER id SET DEFAULT shardext.next_id();
ALTER TABLE photos ALTER id SET DEFAULT shardext.next_id();
SELECT shardext.shard_tables('{users,photos,likes}', '{id,owner_id,photo_id}', 'id');
SELECT shardext.shard_table('events', 'tag');
SELECT shardext.shard_table('items', 'key');
SELECT shardext.shard_table('pairs', '{a,b}'::text[]);
SELECT shardext.shard_table('empty', 'id', 'hash');
SELECT shardext.replicate_table('countries');
