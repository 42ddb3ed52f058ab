"""What a query of a stranger may hold: no code, nothing that stores, and no field that is hidden from its token.

MongoDB's operators are otherwise let through: the database, or the gateway, refuses what it does not know.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from proxy.http.problems import Code, ProblemError

FORBIDDEN: Final = frozenset({"$where", "$function", "$accumulator"})
"""They run JavaScript on the server."""
STAGES: Final = frozenset(
    {
        "$addFields",
        "$bucket",
        "$bucketAuto",
        "$count",
        "$densify",
        "$facet",
        "$fill",
        "$geoNear",
        "$graphLookup",
        "$group",
        "$limit",
        "$lookup",
        "$match",
        "$project",
        "$redact",
        "$replaceRoot",
        "$replaceWith",
        "$sample",
        "$set",
        "$setWindowFields",
        "$skip",
        "$sort",
        "$sortByCount",
        "$unionWith",
        "$unset",
        "$unwind",
    }
)
"""The stages of a pipeline that only read, and read documents alone."""
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
_CALCULATED: Final = frozenset({"$expr", "$jsonSchema", "$text"})
"""They reach fields by other ways than a name in front."""
_DIRECTIONS: Final = (1, -1)
_JOINING: Final = frozenset({"$lookup", "$graphLookup"})
_INNER: Final = frozenset({"$lookup", "$unionWith"})
_PROJECTIONS: Final = frozenset({"$slice", "$elemMatch", "$meta"})
_ROOTS: Final = ("$$ROOT.", "$$CURRENT.", "$")


def check_filter(condition: Any, hidden: AbstractSet[str]) -> None:
    """Refuse a filter that runs code, or that looks at a hidden path."""
    for name in _names(condition):
        _check_operator(name)
        if hidden:
            if name in _CALCULATED:
                raise _hidden(name)
            _check_visible(name, hidden)


def check_projection(projection: Mapping[str, Any] | None, hidden: AbstractSet[str]) -> None:
    """Refuse a projection that runs code, or that shows a hidden path."""
    for path, value in (projection or {}).items():
        for name in _names(value):
            _check_operator(name)
        if not hidden:
            continue
        if isinstance(value, dict):
            if not value.keys() <= _PROJECTIONS:
                raise _hidden(path)
        elif isinstance(value, str | list):
            raise _hidden(path)
        if value or not isinstance(value, bool | int | float):
            _check_visible(path.removeprefix("+"), hidden)


def check_sort(sort: Mapping[str, Any] | None, hidden: AbstractSet[str]) -> None:
    """Refuse an order that is none, or that tells of a hidden path."""
    for path, direction in (sort or {}).items():
        if isinstance(direction, bool) or direction not in _DIRECTIONS:
            raise ProblemError(Code.BAD_QUERY, f"the order of {path[:60]!r} is neither 1 nor -1")
        _check_visible(path, hidden)


def check_pipeline(pipeline: Any, collections: AbstractSet[str]) -> None:
    """Refuse a pipeline that stores or runs code, or that reads what is no collection of an entity.

    What is hidden in them, the repository keeps from it.
    """
    if not isinstance(pipeline, list):
        raise ProblemError(Code.BAD_QUERY, "a pipeline is an array")
    for stage in pipeline:
        if not isinstance(stage, dict) or len(stage) != 1:
            raise ProblemError(Code.BAD_QUERY, "a stage is an object with one name")
        [(name, value)] = stage.items()
        if name not in STAGES:
            raise ProblemError(Code.FORBIDDEN_OPERATOR, f"the stage {name[:60]!r} is not run here")
        for operator in _names(value):
            _check_operator(operator)
        for collection in _collections(name, value):
            if collection not in collections:
                raise ProblemError(Code.BAD_QUERY, f"{name} reads what is no entity")
        for inner in _pipelines(name, value):
            check_pipeline(inner, collections)


def change_of(given: Mapping[str, Any], hidden: AbstractSet[str]) -> dict[str, Any]:
    """Return the update that a body asks for: operators, or the fields to set."""
    if not given:
        raise ProblemError(Code.BAD_UPDATE, "nothing is to be changed")
    operators = [name for name in given if name.startswith("$")]
    if not operators:
        return {"$set": dict(given)}
    if len(operators) != len(given):
        raise ProblemError(Code.BAD_UPDATE, "operators and fields stand side by side")
    for name, value in given.items():
        if name not in UPDATES:
            raise ProblemError(Code.FORBIDDEN_OPERATOR, f"{name[:60]!r} is not run here")
        if not isinstance(value, dict):
            raise ProblemError(Code.BAD_UPDATE, f"{name!r} takes an object")
    for path in given.get("$rename", ()):
        # Under another name it would be seen.
        _check_visible(path, hidden)
    return dict(given)


def _check_operator(name: str) -> None:
    if name in FORBIDDEN:
        raise ProblemError(Code.FORBIDDEN_OPERATOR, f"{name} runs code, which is not done here")


def _check_visible(name: str, hidden: AbstractSet[str]) -> None:
    path = name
    for root in _ROOTS:
        path = path.removeprefix(root)
    for each in hidden:
        if path == each or path.startswith(f"{each}.") or each.startswith(f"{path}."):
            raise _hidden(path)


def _hidden(name: str) -> ProblemError:
    return ProblemError(Code.HIDDEN_FIELD, f"{name[:60]!r} takes the scope admin here")


def _names(value: Any) -> Iterator[str]:
    """Yield all names of fields and operators in a value, and the texts that may be paths."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _names(item)
    elif isinstance(value, str) and value.startswith("$"):
        yield value


def _collections(stage: str, value: Any) -> Iterator[Any]:
    """Yield the other collections that a stage reads."""
    if stage in _JOINING:
        if not isinstance(value, dict) or not isinstance(value.get("as"), str):
            raise ProblemError(Code.BAD_QUERY, f"{stage} takes an object with `from` and `as`")
        yield str(value.get("from"))
    elif stage == "$unionWith":
        yield str(value.get("coll") if isinstance(value, dict) else value)


def _pipelines(stage: str, value: Any) -> Iterator[Any]:
    if stage == "$facet":
        if not isinstance(value, dict):
            raise ProblemError(Code.BAD_QUERY, "$facet takes an object")
        yield from value.values()
    elif stage in _INNER and isinstance(value, dict) and "pipeline" in value:
        yield value["pipeline"]
