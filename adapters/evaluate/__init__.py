"""The trees of `adapters.query` run on documents in memory."""
