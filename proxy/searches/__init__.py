"""Searches of both paths, compared."""
