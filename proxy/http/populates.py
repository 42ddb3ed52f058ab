"""References that a client wants replaced by the documents they point at."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from adapters.mongoose.populating import Populate
from adapters.mongoose.schema import Schema
from proxy.http.call import Call
from proxy.http.entity import Entity
from proxy.http.guard import check_filter, check_projection, check_visible
from proxy.http.problems import Code, ProblemError

MOST: Final = 10
_LEVELS: Final = 3
_MEMBERS: Final[Mapping[str, type]] = {
    "path": str,
    "select": dict,
    "match": dict,
    "model": str,
    "populate": list,
}


def populates(call: Call, asked: Any) -> list[Populate]:
    """Return what is to be populated; ProblemError for what is no path, or would tell of what is hidden."""
    return list(_populates(call, call.on, asked or [], _LEVELS))


def _populates(call: Call, entity: Entity | None, asked: Any, levels: int) -> Iterator[Populate]:
    if not levels or len(asked) > MOST:
        raise _wrong(f"at most {MOST} paths on {_LEVELS} levels")
    for each in asked:
        _check_members(each)
        other = _other(call, entity, each)
        if not call.is_admin:
            _check_hidden(call, entity, other, each)
        check_filter(each.get("match", {}), frozenset())
        check_projection(each.get("select"), frozenset())
        yield Populate(
            path=each["path"],
            select=each.get("select"),
            match=each.get("match"),
            model=each.get("model"),
            populate=list(_populates(call, other, each.get("populate", []), levels - 1))
            if each.get("populate")
            else (),
        )


def _check_members(each: Any) -> None:
    if not isinstance(each, dict) or not isinstance(each.get("path"), str) or not each["path"]:
        raise _wrong("objects with a `path`")
    for name, value in each.items():
        if not isinstance(value, _MEMBERS.get(name, ())):
            raise _wrong(f"members of {', '.join(_MEMBERS)} alone, each of its type")


def _check_hidden(
    call: Call, entity: Entity | None, other: Entity | None, each: Mapping[str, Any]
) -> None:
    check_visible(each["path"], _hidden(call, entity))
    hidden = _hidden(call, other)
    check_filter(each.get("match", {}), hidden)
    check_projection(each.get("select"), hidden)


def _hidden(call: Call, entity: Entity | None) -> AbstractSet[str]:
    """Return what an entity hides; what any of them hides where the document itself says which it is."""
    if entity is not None:
        return entity.hidden
    return {path for each in call.parts.entities.values() for path in each.hidden}


def _other(call: Call, entity: Entity | None, each: Mapping[str, Any]) -> Entity | None:
    """Return the entity that a path leads to; None where that differs between documents."""
    named = each.get("model")
    if named is None and entity is not None:
        options = _options(entity.schema, each["path"])
        named = options.get("ref")
        if named is None and "refPath" not in options:
            raise _wrong("paths that have a `ref`, or name a `model`")
    if named is None:
        return None
    found = call.parts.entities.get(str(named))
    if found is None:
        raise _wrong(f"the name of an entity as model, not {str(named)[:60]!r}")
    return found


def _options(schema: Schema, path: str) -> Mapping[str, Any]:
    kind, _ = schema.find(path)
    while kind is not None and kind.element is not None and "ref" not in kind.options:
        kind = kind.element
    return {} if kind is None else kind.options


def _wrong(wanted: str) -> ProblemError:
    return ProblemError(Code.BAD_PARAMETER, f"`populate` holds {wanted}")
