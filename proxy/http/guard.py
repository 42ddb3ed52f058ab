"""What a query of a stranger may hold: no code, nothing that stores, and no field that is hidden from its token.

MongoDB's operators are otherwise let through: the database, or the gateway, refuses what it does not know.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from proxy.http.problems import Code, ProblemError

FORBIDDEN: Final = frozenset({"$where", "$function", "$accumulator"})
"""They run JavaScript on the server."""
UPDATES: Final = frozenset(
    {
        "$addToSet",
        "$bit",
        "$currentDate",
        "$inc",
        "$max",
        "$min",
        "$mul",
        "$pop",
        "$pull",
        "$pullAll",
        "$push",
        "$rename",
        "$set",
        "$setOnInsert",
        "$unset",
    }
)
CALCULATED: Final = frozenset({"$expr", "$jsonSchema", "$text"})
"""They reach fields by other ways than a name in front."""
_DIRECTIONS: Final = (1, -1)
_PROJECTIONS: Final = frozenset({"$slice", "$elemMatch", "$meta"})
_ROOTS: Final = ("$$ROOT.", "$$CURRENT.", "$")
_BLIND: Final = frozenset({"$set", "$setOnInsert", "$unset"})
"""Operators that do not look at what there is: whether they succeed, and what they leave, tells nothing of it."""


def check_filter(condition: Any, hidden: AbstractSet[str]) -> None:
    """Refuse a filter that runs code, or that looks at a hidden path."""
    for name in names_in(condition):
        check_operator(name)
        if hidden:
            if name in CALCULATED:
                raise hidden_field(name)
            check_visible(name, hidden)


def check_projection(projection: Mapping[str, Any] | None, hidden: AbstractSet[str]) -> None:
    """Refuse a projection that runs code, or that shows a hidden path."""
    for path, value in (projection or {}).items():
        for name in names_in(value):
            check_operator(name)
        if not hidden:
            continue
        if isinstance(value, dict):
            if not value.keys() <= _PROJECTIONS:
                raise hidden_field(path)
        elif isinstance(value, str | list):
            raise hidden_field(path)
        if value or not isinstance(value, bool | int | float):
            check_visible(path.removeprefix("+"), hidden)


def check_sort(sort: Mapping[str, Any] | None, hidden: AbstractSet[str]) -> None:
    """Refuse an order that is none, or that tells of a hidden path."""
    for path, direction in (sort or {}).items():
        if isinstance(direction, bool) or direction not in _DIRECTIONS:
            raise ProblemError(Code.BAD_QUERY, f"the order of {path[:60]!r} is neither 1 nor -1")
        check_visible(path, hidden)


def change_of(given: Mapping[str, Any], hidden: AbstractSet[str]) -> dict[str, Any]:
    """Return the update that a body asks for: operators, or the fields to set."""
    if not given:
        raise ProblemError(Code.BAD_UPDATE, "nothing is to be changed")
    operators = [name for name in given if name.startswith("$")]
    if not operators:
        check_change("$set", given, hidden)
        return {"$set": dict(given)}
    if len(operators) != len(given):
        raise ProblemError(Code.BAD_UPDATE, "operators and fields stand side by side")
    for name, value in given.items():
        if name not in UPDATES:
            raise ProblemError(Code.FORBIDDEN_OPERATOR, f"{name[:60]!r} is not run here")
        if not isinstance(value, dict):
            raise ProblemError(Code.BAD_UPDATE, f"{name!r} takes an object")
        check_change(name, value, hidden)
    return dict(given)


def check_change(operator: str, paths: Mapping[str, Any], hidden: AbstractSet[str]) -> None:
    """Refuse a change that tells of a hidden path: by its result, another name, or the words of a refusal."""
    for path, value in paths.items():
        if operator not in _BLIND:
            check_visible(path, hidden)
        if operator == "$rename":
            check_visible(str(value), hidden)
        # "Cannot create field 'x' in element {password: …}" says all of it: only the whole may be set.
        plain = _plain(path)
        if path not in hidden and any(f"{plain}.".startswith(f"{each}.") for each in hidden):
            raise hidden_field(path)


def check_operator(name: str) -> None:
    if name in FORBIDDEN:
        raise ProblemError(Code.FORBIDDEN_OPERATOR, f"{name} runs code, which is not done here")


def check_visible(name: str, hidden: AbstractSet[str]) -> None:
    path = _plain(name)
    for each in hidden:
        if path == each or path.startswith(f"{each}.") or each.startswith(f"{path}."):
            raise hidden_field(path)


def _plain(name: str) -> str:
    """Return a path as schemas have it: without what stands for the document, or for elements of arrays."""
    for root in _ROOTS:
        name = name.removeprefix(root)
    parts = name.split(".")
    return ".".join(part for part in parts if not part.isdigit() and not part.startswith("$"))


def hidden_field(name: str) -> ProblemError:
    return ProblemError(Code.HIDDEN_FIELD, f"{name[:60]!r} takes the scope admin here")


def names_in(value: Any) -> Iterator[str]:
    """Yield all names of fields and operators in a value, and the texts that may be paths."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from names_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from names_in(item)
    elif isinstance(value, str) and value.startswith("$"):
        yield value
