"""Filters for documents that hold words as they stand, for when no search engine is asked."""

import re
from typing import Any

from bson.regex import Regex


def containing(words: str, *paths: str) -> dict[str, Any]:
    """Return a filter for documents that hold `words` at one of the paths, in large or small letters."""
    pattern = Regex(re.escape(words), "i")
    return {"$or": [{path: pattern} for path in paths]}
