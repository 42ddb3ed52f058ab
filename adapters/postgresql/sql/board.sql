-- Several sidecars on one gateway apply the writes of their logs in the order of MongoDB's clock. Each tells the others here how
-- far it is. After a crash of the server nobody has gone anywhere: what is lost with an unlogged table is written anew.
CREATE SCHEMA IF NOT EXISTS parallax;

CREATE TABLE IF NOT EXISTS parallax.sidecars (
    log text PRIMARY KEY,
    epoch bigint NOT NULL,
    cluster text NOT NULL,
    frontier bigint NOT NULL,
    passed bigint NOT NULL,
    wanted bigint NOT NULL,
    steps bigint NOT NULL,
    definitions bigint NOT NULL,
    disputed text[] NOT NULL,
    sees text[] NOT NULL,
    filling text[] NOT NULL,
    beat timestamptz NOT NULL
);

-- Later than the table: a sidecar of an older release may beside this one have made it, and says nothing of it.
ALTER TABLE parallax.sidecars ADD COLUMN IF NOT EXISTS doubtful text[] NOT NULL DEFAULT '{}';

-- Numbered by each log for itself: in the order of commits, which numbers of a common sequence are not.
CREATE TABLE IF NOT EXISTS parallax.touched (
    log text NOT NULL,
    number bigint NOT NULL,
    clock bigint NOT NULL,
    namespace text NOT NULL,
    key bytea,
    PRIMARY KEY (log, number)
);
