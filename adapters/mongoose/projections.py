"""Projections without the paths that a schema hides unless they are asked for.

Source: Mongoose documentation, "SchemaTypes: select", "Query.prototype.select".
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from adapters.mongoose.schema import Schema

_NEUTRAL: Final = frozenset({"$meta", "$slice", "$elemMatch"})


def projection_of(schema: Schema, asked: Mapping[str, Any] | str | None) -> dict[str, Any]:
    """Return the projection of a find: as asked, and without hidden paths; empty for everything.

    Text has names parted by spaces: `-name` leaves one out, `+name` shows one that is hidden.
    """
    given = _parsed(asked) if isinstance(asked, str) else dict(asked or {})
    shown = {name[1:] for name in given if name.startswith("+")}
    made = {name: value for name, value in given.items() if not name.startswith("+")}
    included = _is_inclusive(made)
    for path in _hidden(schema):
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


def _is_inclusive(made: Mapping[str, Any]) -> bool:
    """Return whether a projection leaves out what it does not name.

    MongoDB shows all the rest for `{"_id": 1, "name": 0}`: the `_id` decides only where nothing else does.
    """
    deciding = {name: value for name, value in made.items() if not _is_neutral(value)}
    if len(deciding) > 1:
        deciding.pop("_id", None)
    return any(map(bool, deciding.values()))


def _is_neutral(value: Any) -> bool:
    return isinstance(value, Mapping) and not _NEUTRAL.isdisjoint(value)


@cache
def _hidden(schema: Schema) -> tuple[str, ...]:
    return tuple(_hidden_below(schema, ""))


def _hidden_below(schema: Schema, prefix: str) -> Iterator[str]:
    for path, kind in schema.types.items():
        if kind.options.get("select") is False:
            yield prefix + path
        elif kind.inner is not None:
            yield from _hidden_below(kind.inner, f"{prefix}{path}.")


def sort_of(asked: Mapping[str, Any] | str | None) -> dict[str, Any]:
    """Return the sort of a find: text has names parted by spaces, `-name` sorts downwards."""
    if isinstance(asked, str):
        return {name.removeprefix("-"): -1 if name.startswith("-") else 1 for name in asked.split()}
    return {name: DIRECTIONS.get(value, value) for name, value in (asked or {}).items()}


DIRECTIONS: Final[Mapping[Any, int]] = {"asc": 1, "ascending": 1, "desc": -1, "descending": -1}
