"""Meilisearch: full-text search beside the database."""
