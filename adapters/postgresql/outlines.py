"""Commands without their values: which of them can share a plan, and the values of one.

Only what is spelt out here has an outline: an option that is not known here may change the answer.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from bson.int64 import Int64

from adapters.query.outline import (
    Key,
    Values,
    filled_filter,
    filled_update,
    is_usual_identity,
    outline_filter,
    outline_update,
)
from adapters.sql.cut import LIMIT, SKIP, is_written
from comparators.operation import Kind

Arguments = Mapping[str, Any]

NUMBERS: Final = frozenset({int, float, Int64})
WHOLE: Final = frozenset({int, Int64})
FLAGS: Final = frozenset({bool, *NUMBERS})
OF_FIND: Final = frozenset({"filter", "sort", "skip", "limit", "projection"})
OF_COUNT: Final = frozenset({"query", "skip", "limit"})
OF_AGGREGATE: Final = frozenset({"pipeline"})
OF_STATEMENT: Final = frozenset({"q", "u"})
OF_INSERT: Final = frozenset({"documents", "ordered"})
OF_UPDATE: Final = frozenset({"updates", "ordered"})
OF_MODIFICATION: Final = frozenset({"query", "update", "new", "upsert"})


ANYTHING: Final = frozenset({"apiDeprecationErrors", "apiStrict", "apiVersion", "comment"})
"""Options that change no answer, whatever their value; those below have a type."""
OFF: Final = frozenset({"multi", "upsert"})
"""What a statement may say that it does not ask for."""
SWITCHES: Final = frozenset(
    {
        "allowDiskUse",
        "allowPartialResults",
        "bypassDocumentValidation",
        "noCursorTimeout",
        "oplogReplay",
        "singleBatch",
        *ANYTHING,
    }
)
COUNTS: Final = frozenset({"batchSize", "maxTimeMS", *ANYTHING})
OBJECTS: Final = frozenset({"cursor", "readConcern", "writeConcern", *ANYTHING})


CUTS: Final = frozenset({"$skip", "$limit"})
CONSTANTS: Final = frozenset({str, int, bool, type(None)})


class Outline(NamedTuple):
    """What commands of one plan have in common, and the values of one of them."""

    key: tuple[Any, ...]
    values: Values


def outline_of(kind: Kind, arguments: Arguments) -> Outline | None:
    """Return the outline of a command, None where it has none."""
    key: Key = [kind]
    values: Values = []
    take = TAKEN.get(kind)
    if take is None or not take(arguments, key, values):
        return None
    return Outline(tuple(key), values)


def outlines_of_updates(arguments: Arguments) -> list[Outline] | None:
    """Return the outlines of the statements of an update with several, None where one has none."""
    statements = arguments.get("updates")
    if type(statements) is not list or len(statements) < 2 or not _knows(arguments, OF_UPDATE):
        return None
    found = []
    for statement in statements:
        key: Key = [Kind.UPDATE]
        values: Values = []
        if not _statement(statement, key, values):
            return None
        found.append(Outline(tuple(key), values))
    return found


def has_usual_options(arguments: Arguments) -> bool:
    """Return whether all options of a find but its filter are some that no server refuses."""
    return all(
        name == "filter" or (name == "limit" and _is_count(value)) or _is_usual(name, value)
        for name, value in arguments.items()
    )


def _is_count(value: Any) -> bool:
    return type(value) in WHOLE and value >= 0


def _find(arguments: Arguments, key: Key, values: Values) -> bool:
    return (
        _knows(arguments, OF_FIND)
        and _filter(arguments.get("filter"), key, values)
        and _sort(arguments.get("sort"), key)
        and _projection(arguments.get("projection"), key)
        and _number("skip", arguments, key, values)
        and _number("limit", arguments, key, values)
    )


def _count(arguments: Arguments, key: Key, values: Values) -> bool:
    return (
        _knows(arguments, OF_COUNT)
        and _filter(arguments.get("query"), key, values)
        and _number("skip", arguments, key, values)
        and _number("limit", arguments, key, values)
    )


def _filter(given: Any, key: Key, values: Values) -> bool:
    if given is None:
        given = {}
    return type(given) is dict and outline_filter(given, key, values)


def _update(arguments: Arguments, key: Key, values: Values) -> bool:
    statements = arguments.get("updates")
    if type(statements) is not list or len(statements) != 1 or not _knows(arguments, OF_UPDATE):
        return False
    return _statement(statements[0], key, values)


def _statement(statement: Arguments, key: Key, values: Values) -> bool:
    return all(
        name in OF_STATEMENT or (name in OFF and value is False)
        for name, value in statement.items()
    ) and _change(statement.get("q"), statement.get("u"), key, values)


def _modification(arguments: Arguments, key: Key, values: Values) -> bool:
    if arguments.get("new") is not True or not _knows(arguments, OF_MODIFICATION):
        return False
    upsert = arguments.get("upsert", False)
    if type(upsert) is not bool:
        return False
    key.append(upsert)
    return _change(arguments.get("query"), arguments.get("update"), key, values)


def _change(query: Any, update: Any, key: Key, values: Values) -> bool:
    """Take what changes one document, that is found by its `_id`."""
    return (
        type(query) is dict
        and is_usual_identity(query.get("_id"))
        and outline_filter(query, key, values)
        and outline_update(update, key, values)
    )


def _knows(arguments: Arguments, names: frozenset[str]) -> bool:
    """Return whether nothing else is asked for; null and unusual values, some of which are refused, are left to the general way."""
    return all(
        value is not None if name in names else name.startswith("$") or _is_usual(name, value)
        for name, value in arguments.items()
    )


def _is_usual(name: str, value: Any) -> bool:
    """Return whether an option that changes no answer has a value of its usual type."""
    kind = type(value)
    if kind is bool:
        return name in SWITCHES
    if kind in WHOLE:
        return name in COUNTS and value >= 0
    if kind is dict:
        return name in OBJECTS
    return name in ANYTHING


def _sort(given: Any, key: Key) -> bool:
    if given is None:
        return True
    if type(given) is not dict:
        return False
    key.append("sort")
    for name, direction in given.items():
        if name.startswith("$") or type(direction) not in NUMBERS:
            return False
        key += (name, direction)
    return True


def _projection(given: Any, key: Key) -> bool:
    """Take a projection that names the fields to show, or those not to show."""
    if given is None:
        return True
    if type(given) is not dict:
        return False
    key.append("projection")
    for name, shown in given.items():
        if "$" in name or type(shown) not in FLAGS:
            return False
        key += (name, bool(shown))
    return True


def _number(name: str, arguments: Arguments, key: Key, values: Values) -> bool:
    given = arguments.get(name, 0)
    if not _is_count(given):
        return False
    if given:
        _cut(name, int(given), key, values)
    return True


def _cut(name: str, given: int, key: Key, values: Values) -> None:
    """Take a number of rows: what is written into the statement is of the outline."""
    key.append(name)
    if _is_constant(name, given):
        key.append(given)
    else:
        values.append(given)


def _is_constant(name: str, given: int) -> bool:
    return name.endswith(LIMIT) and is_written(given)


def _aggregate(arguments: Arguments, key: Key, values: Values) -> bool:
    """Take a pipeline that groups, behind a match and a cut at most."""
    pipeline = arguments.get("pipeline")
    if type(pipeline) is not list or not pipeline or not _knows(arguments, OF_AGGREGATE):
        return False
    if not all(type(stage) is dict and len(stage) == 1 for stage in pipeline):
        return False
    return (
        all(_before_group(each, key, values) for each in pipeline[:-1])
        and "$group" in pipeline[-1]
        and _constant(pipeline[-1]["$group"], key)
    )


def _before_group(stage: Mapping[str, Any], key: Key, values: Values) -> bool:
    [(name, given)] = stage.items()
    if name == "$match":
        key.append(name)
        return type(given) is dict and outline_filter(given, key, values)
    if name not in CUTS or type(given) not in WHOLE or given <= 0:
        return False
    _cut(name, int(given), key, values)
    return True


def _constant(given: Any, key: Key) -> bool:
    """Take what is the same in all commands of the outline; a variable may be another each time."""
    kind = type(given)
    key.append(kind)
    if kind is dict:
        key.append(len(given))
        return all(_constant(name, key) and _constant(item, key) for name, item in given.items())
    if kind is list:
        key.append(len(given))
        return all(_constant(item, key) for item in given)
    key.append(given)
    return kind in CONSTANTS and not (kind is str and given.startswith("$$"))


TAKEN: Final[Mapping[Kind, Callable[[Arguments, Key, Values], bool]]] = {
    Kind.FIND: _find,
    Kind.COUNT: _count,
    Kind.AGGREGATE: _aggregate,
    Kind.UPDATE: _update,
    Kind.FIND_AND_MODIFY: _modification,
}


def plain_documents(arguments: Arguments) -> list[dict[str, Any]] | None:
    """Return the documents of an insert with their `_id`s in front; None unless those are usual ones, and all it asks for."""
    documents = arguments.get("documents")
    if type(documents) is not list or not documents or not _knows(arguments, OF_INSERT):
        return None
    if not all(is_usual_identity(each.get("_id")) for each in documents):
        return None
    return list(map(_with_id_in_front, documents))


def _with_id_in_front(document: dict[str, Any]) -> dict[str, Any]:
    if next(iter(document)) == "_id":
        return document
    return {"_id": document["_id"], **document}


def filled(kind: Kind, arguments: Arguments, values: Iterator[Any]) -> dict[str, Any]:
    """Return a command that has an outline with other values."""
    match kind:
        case Kind.FIND:
            return _refilled("filter", arguments, values)
        case Kind.COUNT:
            return _refilled("query", arguments, values)
        case Kind.AGGREGATE:
            stages = [_filled_stage(each, values) for each in arguments["pipeline"]]
            return {**arguments, "pipeline": stages}
        case Kind.UPDATE:
            [statement] = arguments["updates"]
            changed = {
                "q": filled_filter(statement["q"], values),
                "u": filled_update(statement["u"], values),
            }
            return {**arguments, "updates": [{**statement, **changed}]}
        case _:
            query = filled_filter(arguments["query"], values)
            return {
                **arguments,
                "query": query,
                "update": filled_update(arguments["update"], values),
            }


def _refilled(name: str, arguments: Arguments, values: Iterator[Any]) -> dict[str, Any]:
    query = filled_filter(arguments.get(name) or {}, values)
    cuts = {
        cut: _filled_cut(cut, arguments[cut], values) for cut in (SKIP, LIMIT) if arguments.get(cut)
    }
    return {**arguments, name: query, **cuts}


def _filled_cut(name: str, given: int, values: Iterator[Any]) -> int:
    return int(given) if _is_constant(name, given) else next(values)


def _filled_stage(stage: Mapping[str, Any], values: Iterator[Any]) -> Mapping[str, Any]:
    [(name, given)] = stage.items()
    if name == "$match":
        return {name: filled_filter(given, values)}
    return {name: _filled_cut(name, given, values)} if name in CUTS else stage
