-- MongoDB makes a collection at its first write and remembers the options of its indexes.
-- The catalog holds what PostgreSQL's own does not: names before they were shortened, indexes as declared,
-- and which writes of which capture log have been applied.
CREATE SCHEMA IF NOT EXISTS parallax;

CREATE TABLE IF NOT EXISTS parallax.collections (
    database text NOT NULL,
    name text NOT NULL,
    uuid uuid NOT NULL DEFAULT gen_random_uuid(),
    options bytea NOT NULL,
    PRIMARY KEY (database, name)
);

CREATE TABLE IF NOT EXISTS parallax.indexes (
    database text NOT NULL,
    collection text NOT NULL,
    name text NOT NULL,
    ordinal bigint GENERATED ALWAYS AS IDENTITY,
    specification bytea NOT NULL,
    PRIMARY KEY (database, collection, name)
);

-- Exactly once: the row is written in the same transaction as what it stands for.
CREATE TABLE IF NOT EXISTS parallax.applied (
    log text NOT NULL,
    position bigint NOT NULL,
    outcome bytea NOT NULL,
    PRIMARY KEY (log, position)
);
