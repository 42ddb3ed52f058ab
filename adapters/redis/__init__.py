"""Redis: a cache before repositories."""
