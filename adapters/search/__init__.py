"""Full-text search over entities: an engine where one is there, else the database."""
