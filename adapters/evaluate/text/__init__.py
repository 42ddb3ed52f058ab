"""`$text` in memory: characters, words, and the test of a document."""

from adapters.evaluate.text.search import text_test

__all__ = ["text_test"]
