-- No write leaves a note any more, and those that are there are wanted no longer.
DROP TRIGGER IF EXISTS note_for_mongodb ON parallax.applied;
TRUNCATE parallax.outbox;
