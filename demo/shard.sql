-- Users spread over the shards; photos and follows lie with their user, likes with their photo.
SELECT shardext.shard_table('users', 'id');
SELECT shardext.shard_table('photos', 'user_id', 'id', id_columns => '{id}');
SELECT shardext.shard_table('likes', 'photo_id', 'id');
SELECT shardext.shard_table('follows', 'follower_id', 'id');
