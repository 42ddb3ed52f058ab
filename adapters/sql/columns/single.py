"""Whether a filter finds one document at most, because a unique index says so."""

from collections.abc import Iterable

from bson.regex import Regex

from adapters.entities.entity import ID_PATH
from adapters.query.filter import And, Comparator, Comparison, Filter
from adapters.query.paths import Path


def finds_one_at_most(tree: Filter, unique: Iterable[tuple[Path, ...]]) -> bool:
    """Return whether a filter asks for one value of `_id`, or of each path of a unique index.

    `unique` are the paths of unique indexes that hold every document with all of the paths: a sparse index will
    do, a partial one will not.
    """
    parts = tree.children if isinstance(tree, And) else (tree,)
    named = {
        part.path
        for part in parts
        if isinstance(part, Comparison) and part.comparator is Comparator.EQ and _is_one(part)
    }
    return ID_PATH in named or any(named.issuperset(paths) for paths in unique)


def _is_one(part: Comparison) -> bool:
    # An array may have its elements in common with others; null stands for what is missing, too.
    return part.value is not None and not isinstance(part.value, list | Regex)
