-- The demo's schema: ordinary PostgreSQL tables first, then three words about where their rows lie.
CREATE TABLE users (
    id         bigint PRIMARY KEY DEFAULT shardext.next_id(),   -- the id says in which shard the user lives
    old_id     bigint NOT NULL,                                 -- the id before this database was sharded
    name       text NOT NULL,
    photos     int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX users_old_id ON users (old_id);

CREATE TABLE photos (
    id       bigint PRIMARY KEY DEFAULT shardext.next_id(),     -- lies in the user's shard, and says so
    user_id  bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    caption  text NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX photos_user ON photos (user_id, taken_at);

CREATE TABLE likes (
    photo_id bigint NOT NULL REFERENCES photos ON DELETE CASCADE,
    user_id  bigint NOT NULL,                                   -- who likes it: a user of any shard
    PRIMARY KEY (photo_id, user_id)
);

CREATE TABLE follows (
    follower_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    followee_id bigint NOT NULL,                                -- a user of any shard
    PRIMARY KEY (follower_id, followee_id)
);
