-- Users spread over the shards by their ids; photos and follows lie with their user, likes with their photo.
-- Foreign keys tie the four tables, so they are sharded in one step. photos.id, by its default, is an id as well.
SELECT shardext.shard_tables('{users, photos, likes, follows}', '{id, user_id, photo_id, follower_id}', 'id');
