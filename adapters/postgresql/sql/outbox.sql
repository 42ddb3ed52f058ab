-- After the cut-over MongoDB is kept current from here: each write leaves a note of what it touched, in its own transaction.
-- The note is the write's mark, so that it costs no statement of its own and can be neither forgotten nor left behind. Marks
-- of writes that no driver sends twice (`cutover/own/`) are wanted for nothing else, and are kept as notes alone.
CREATE TABLE IF NOT EXISTS parallax.outbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    outcome bytea NOT NULL
);

-- Whether notes are left. Where they were not, MongoDB lacks what was written, and nobody goes back to it.
CREATE TABLE IF NOT EXISTS parallax.mirroring (
    sole boolean PRIMARY KEY DEFAULT true CHECK (sole),
    is_on boolean NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    who text NOT NULL DEFAULT '',
    why text NOT NULL DEFAULT ''
);

CREATE OR REPLACE FUNCTION parallax.note_for_mongodb() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO parallax.outbox (outcome) VALUES (NEW.outcome);
    IF starts_with(NEW.log, 'cutover/own/') THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END
$$;

-- Asked first: making a trigger waits for all who write marks.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_trigger
        WHERE tgrelid = 'parallax.applied'::regclass AND tgname = 'note_for_mongodb'
    ) AND NOT EXISTS (SELECT FROM parallax.mirroring WHERE NOT is_on) THEN
        CREATE TRIGGER note_for_mongodb BEFORE INSERT ON parallax.applied
        FOR EACH ROW WHEN (starts_with(NEW.log, 'cutover/'))
        EXECUTE FUNCTION parallax.note_for_mongodb();
    END IF;
END
$$;
