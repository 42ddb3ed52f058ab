"""A read-through cache before a database."""
