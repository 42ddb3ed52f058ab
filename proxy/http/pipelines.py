"""What a pipeline of a stranger may do: only read, only entities, and nothing by what is hidden from its token.

The repository takes what is hidden away before a stage could calculate with it (`secrecy.guarded`), and this file refuses
what would still tell of it: filters that come first, and joins, which compare inside the database. A path that is named
where it could only be missing is refused too, so that nobody takes silence for an answer.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from proxy.http.guard import (
    check_filter,
    check_operator,
    check_visible,
    hidden_field,
    names_in,
)
from proxy.http.problems import Code, ProblemError

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
_RESHAPING: Final = frozenset(
    {
        "$bucket",
        "$bucketAuto",
        "$count",
        "$facet",
        "$group",
        "$project",
        "$replaceRoot",
        "$replaceWith",
        "$sortByCount",
    }
)
"""Behind them, names are those that the pipeline itself has given."""
_JOINING: Final = frozenset({"$lookup", "$graphLookup"})
_PLAIN: Final = re.compile(r"[^.$]+")
_OWN_PATHS: Final[Mapping[str, Sequence[str]]] = {
    "$lookup": ("localField",),
    "$geoNear": ("key",),
    "$densify": ("field",),
}
_FOREIGN_PATHS: Final = ("foreignField", "connectFromField", "connectToField")
_NOTHING: Final[frozenset[str]] = frozenset()

HiddenOf = Mapping[str, frozenset[str]]


def check_pipeline(pipeline: Any, hidden: AbstractSet[str], hidden_of: HiddenOf) -> None:
    """Refuse a pipeline that stores, runs code, reads what is no entity, or tells of what is hidden.

    `hidden` are paths of the documents that it begins with, `hidden_of` has those of each collection that may be read.
    """
    if not isinstance(pipeline, list):
        raise ProblemError(Code.BAD_QUERY, "a pipeline is an array")
    seen = hidden
    for stage in pipeline:
        if not isinstance(stage, dict) or len(stage) != 1:
            raise ProblemError(Code.BAD_QUERY, "a stage is an object with one name")
        [(name, value)] = stage.items()
        if name not in STAGES:
            raise ProblemError(Code.FORBIDDEN_OPERATOR, f"the stage {name[:60]!r} is not run here")
        for operator in names_in(value):
            check_operator(operator)
        _check_stage(name, value, seen, hidden_of)
        if name in _RESHAPING:
            seen = _NOTHING


def _check_stage(name: str, value: Any, hidden: AbstractSet[str], hidden_of: HiddenOf) -> None:
    for path in _paths(name, value):
        check_visible(path, hidden)
    if name == "$geoNear" and isinstance(value, dict):
        check_filter(value.get("query", {}), hidden)
    if name == "$match" and hidden and isinstance(value, dict) and "$text" in names_in(value):
        raise hidden_field("$text")
    if name == "$facet":
        if not isinstance(value, dict):
            raise ProblemError(Code.BAD_QUERY, "$facet takes an object")
        for inner in value.values():
            check_pipeline(inner, hidden, hidden_of)
    elif name in _JOINING:
        _check_join(name, value, hidden_of)
    elif name == "$unionWith":
        joined = value if isinstance(value, dict) else {"coll": value}
        foreign = _foreign(name, joined.get("coll"), hidden_of)
        check_pipeline(joined.get("pipeline", []), foreign, hidden_of)


def _check_join(name: str, value: Any, hidden_of: HiddenOf) -> None:
    if not isinstance(value, dict) or not isinstance(value.get("as"), str):
        raise ProblemError(Code.BAD_QUERY, f"{name} takes an object with `from` and `as`")
    foreign = _foreign(name, value.get("from"), hidden_of)
    if foreign and _PLAIN.fullmatch(value["as"]) is None:
        # What is hidden is taken away from below this name.
        raise ProblemError(Code.BAD_QUERY, "`as` takes a plain name here")
    for each in _FOREIGN_PATHS:
        check_visible(str(value.get(each, "")), foreign)
    check_filter(value.get("restrictSearchWithMatch", {}), foreign)
    check_pipeline(value.get("pipeline", []), foreign, hidden_of)


def _foreign(stage: str, collection: Any, hidden_of: HiddenOf) -> frozenset[str]:
    """Return what another collection hides; ProblemError where it is that of no entity."""
    found = hidden_of.get(collection) if isinstance(collection, str) else None
    if found is None:
        raise ProblemError(Code.BAD_QUERY, f"{stage} reads what is no entity")
    return found


def _paths(name: str, value: Any) -> Iterator[str]:
    """Yield the paths of its documents that a stage reads."""
    if name == "$match":
        yield from names_in(value)
        return
    own = value
    if isinstance(value, dict):
        if name == "$sort":
            yield from value
        elif name == "$project":
            yield from (path for path, shown in value.items() if _is_shown(shown))
        yield from (str(value[each]) for each in _OWN_PATHS.get(name, ()) if each in value)
        own = [each for option, each in value.items() if option not in _INNER.get(name, ())]
    if name not in {"$facet", "$unionWith"}:
        yield from (each for each in names_in(own) if each.startswith("$"))


def _is_shown(value: Any) -> bool:
    return isinstance(value, bool | int | float) and bool(value)


_INNER: Final[Mapping[str, Sequence[str]]] = {
    "$lookup": ("pipeline",),
    "$graphLookup": ("restrictSearchWithMatch",),
    "$geoNear": ("query",),
}
