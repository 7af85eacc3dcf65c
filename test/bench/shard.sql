SELECT shardext.shard_table('items', 'id', 'id');
SELECT shardext.shard_table('events', 'id', 'id');
SELECT shardext.shard_table('branches', 'bid', 'id');
SELECT shardext.shard_table('tellers', 'bid', 'id');
SELECT shardext.shard_table('accounts', 'bid', 'id');
SELECT shardext.shard_table('history', 'bid', 'id');
SELECT shardext.shard_table('bulk', 'id', 'hash');
SELECT shardext.shard_tables('{many,source}', '{id,id}', 'hash');
