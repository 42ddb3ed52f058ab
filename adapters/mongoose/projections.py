"""Projections without the paths that a schema hides unless they are asked for.

Source: Mongoose documentation, "SchemaTypes: select", "Query.prototype.select".
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from adapters.mongoose.schema import Schema


def projection_of(schema: Schema, asked: Mapping[str, Any] | str | None) -> dict[str, Any]:
    """Return the projection of a find: as asked, and without hidden paths; empty for everything.

    Text has names parted by spaces: `-name` leaves one out, `+name` shows one that is hidden.
    """
    given = _parsed(asked) if isinstance(asked, str) else dict(asked or {})
    shown = {name[1:] for name in given if name.startswith("+")}
    made = {name: value for name, value in given.items() if not name.startswith("+")}
    included = any(_includes(value) for value in made.values())
    for path in _hidden(schema, ""):
        if path in shown:
            if included:
                made[path] = 1
        elif not included and path not in made:
            made[path] = 0
    return made


def _parsed(text: str) -> dict[str, Any]:
    return {
        name.removeprefix("-"): 0 if name.startswith("-") else 1 for name in text.split() if name
    }


def _includes(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "$meta" not in value and "$slice" not in value and "$elemMatch" not in value
    return bool(value)


def _hidden(schema: Schema, prefix: str) -> Iterator[str]:
    for path, kind in schema.types.items():
        if kind.options.get("select") is False:
            yield prefix + path
        elif kind.inner is not None:
            yield from _hidden(kind.inner, f"{prefix}{path}.")


def sort_of(asked: Mapping[str, Any] | str | None) -> dict[str, Any]:
    """Return the sort of a find: text has names parted by spaces, `-name` sorts downwards."""
    if isinstance(asked, str):
        return {name.removeprefix("-"): -1 if name.startswith("-") else 1 for name in asked.split()}
    return {name: DIRECTIONS.get(value, value) for name, value in (asked or {}).items()}


DIRECTIONS: Final[Mapping[Any, int]] = {"asc": 1, "ascending": 1, "desc": -1, "descending": -1}
