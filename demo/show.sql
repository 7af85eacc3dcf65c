-- What the demo shows of one user, :user (an id), on the node that the client happens to be connected to.
\set QUIET on
\pset footer off
\echo
\echo '-- The id says where: shard, time and sequence number are inside.'
SELECT :user AS id, shardext.id_shard(:user) AS shard, shardext.node_of('users', :user) AS node,
       shardext.id_time(:user) AS made, shardext.id_sequence(:user) AS sequence;
\echo '-- One user, one shard: the whole statement runs on the owner.'
EXPLAIN (COSTS OFF) SELECT u.name, p.caption, count(l.*) AS likes
  FROM users u JOIN photos p ON p.user_id = u.id LEFT JOIN likes l ON l.photo_id = p.id
 WHERE u.id = :user GROUP BY u.name, p.id, p.caption ORDER BY likes DESC LIMIT 3;
SELECT u.name, p.caption, count(l.*) AS likes
  FROM users u JOIN photos p ON p.user_id = u.id LEFT JOIN likes l ON l.photo_id = p.id
 WHERE u.id = :user GROUP BY u.name, p.id, p.caption ORDER BY likes DESC LIMIT 3;
\echo '-- Over all shards: every node is asked at once.'
EXPLAIN (COSTS OFF) SELECT count(*) FROM photos WHERE caption LIKE '%sea%';
SELECT count(*) FROM photos WHERE caption LIKE '%sea%';
\echo '-- A transaction inside one user: one node, one ordinary COMMIT.'
\set ECHO queries
BEGIN;
INSERT INTO photos (user_id, caption) VALUES (:user, 'sunrise over the shard')
  RETURNING id, shardext.id_shard(id) AS shard \gset photo_
UPDATE users SET photos = photos + 1 WHERE id = :user RETURNING name, photos;
INSERT INTO likes (photo_id, user_id) VALUES (:photo_id, :user);
COMMIT;
\set ECHO none
SELECT :photo_id AS new_photo, :photo_shard AS shard, shardext.id_shard(:user) AS shard_of_user;
