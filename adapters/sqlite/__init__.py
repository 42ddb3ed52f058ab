"""SQLite: a database in one file, with nothing to run."""
