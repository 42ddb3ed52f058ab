-- Who may log in to `parallax gateway`: what SCRAM keeps instead of passwords, as BSON.
CREATE SCHEMA IF NOT EXISTS parallax;
CREATE TABLE IF NOT EXISTS parallax.users (
    name text PRIMARY KEY,
    credentials bytea NOT NULL
);
