"""Repositories: what applications call, whichever database is behind."""
