-- MongoDB makes a collection at its first write and remembers the options of its indexes.
-- The catalog holds what PostgreSQL's own does not: names before they were shortened, indexes as declared,
-- and which writes of which capture log have been applied.
CREATE SCHEMA IF NOT EXISTS parallax;

-- An ObjectId; 33 bytes stand for an `_id` of another type (adapters/entities/identity.py).
DO $$
BEGIN
    IF to_regtype('parallax.objectid') IS NULL THEN
        CREATE DOMAIN parallax.objectid AS bytea CHECK (octet_length(VALUE) IN (12, 33));
    END IF;
END
$$;

CREATE TABLE IF NOT EXISTS parallax.collections (
    database text NOT NULL,
    name text NOT NULL,
    uuid uuid NOT NULL DEFAULT gen_random_uuid(),
    options bytea NOT NULL,
    PRIMARY KEY (database, name)
);

-- The map of a collection that lives in a mapped table, as JSON; NULL for a document table.
-- Asked first: even where it has nothing to do, ALTER TABLE waits for all readers.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = 'parallax.collections'::regclass AND attname = 'map'
    ) THEN
        ALTER TABLE parallax.collections ADD COLUMN map text;
    END IF;
END
$$;

-- The order of fields and the types that columns cannot tell, by a number made from the content.
CREATE TABLE IF NOT EXISTS parallax.layouts (
    id bigint PRIMARY KEY,
    fields text NOT NULL
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
