"""Look into capture logs, kept or live, and copy parts of them."""
