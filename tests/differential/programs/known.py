"""Which entry of docs/known-differences.md explains that both sides differ.

An entry explains no more than it says: where the server takes things in an order of its own, the code it gave must
be one that the gateway gives for a part of the same operation, unless that part is not supported.
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from bson.code import Code
from bson.max_key import MaxKey
from bson.min_key import MinKey

from comparators.canonical import decode, encode
from comparators.operation import Kind
from comparators.outcome import Documents, Failure, Modified, Result
from tests.differential.programs.program import Document, Step
from tests.differential.twins import Answers, same

Ask = Callable[[Step], Awaitable[Result | str]]
"""Asks the gateway alone."""
Hides = Callable[[Document], Awaitable[bool]]
"""Asks the server whether an index hides what a filter would find."""

A_PLACE_OF_ITS_OWN: Final = 4
ANOTHER_ERROR_FIRST: Final = 7
CODES_OF_GROUPS: Final = 8
SPARED_BY_MATCH: Final = 9
ANOTHER_DOCUMENT: Final = 1
A_CONSTANT_SET: Final = 16
KEYS_OF_GROUPS: Final = 17
TYPES_OF_KEYS: Final = 18
HIDDEN_BY_INDEX: Final = 19
BEHIND_A_WINDOW: Final = 20
CODES_OF_SUBSETS: Final = (17046, 17310)
GROUPING: Final = frozenset({"$group", "$bucket", "$sortByCount"})
WINDOWS: Final = frozenset({"$setWindowFields", "$fill"})
SHAPING: Final = frozenset({"$project", "$addFields", "$set", "$group"})
PUSHED_DOWN: Final = frozenset({"$match", "$sort", "$limit", "$skip", "$lookup", "$project"})
"""The stages that may stand in front of a group and leave it to the slot-based engine."""


async def known_difference(step: Step, answers: Answers, ask: Ask, hides: Hides) -> int | None:
    """Return the number of the entry; None for a difference that nobody knows."""
    legacy, gateway = answers.legacy, answers.gateway
    if answers.alternatives:
        return ANOTHER_DOCUMENT
    if _with_pipeline(step) and same(step.kind, step.arguments, _sorted(legacy), _sorted(gateway)):
        return A_PLACE_OF_ITS_OWN
    if step.kind is not Kind.AGGREGATE:
        return HIDDEN_BY_INDEX if await hides(_filter_of(step)) else None
    pipeline = step.arguments["pipeline"]
    if _groups_in_front(pipeline) and isinstance(gateway, Documents):
        lost = _with_types_lost(gateway)
        if lost != sorted(gateway.documents) and lost == _with_types_lost(legacy):
            return TYPES_OF_KEYS
    if not isinstance(gateway, Failure):
        moved = isinstance(legacy, Documents) and _matches_keys(pipeline)
        return KEYS_OF_GROUPS if moved else None
    if isinstance(legacy, Failure) and (legacy.code, gateway.code) == CODES_OF_SUBSETS:
        return A_CONSTANT_SET
    if not isinstance(legacy, Failure):
        behind = any("$match" in stage for stage in pipeline[1:])
        return SPARED_BY_MATCH if behind and isinstance(legacy, Documents) else None
    if _groups_in_front(pipeline):
        return CODES_OF_GROUPS
    for part in _parts(pipeline):
        answer = await ask(Step(kind=step.kind, arguments={**step.arguments, "pipeline": part}))
        # What the gateway cannot work out alone may be what the server refused first.
        if isinstance(answer, str) or (isinstance(answer, Failure) and answer.code == legacy.code):
            return ANOTHER_ERROR_FIRST
    for rest in _without_window(pipeline):
        answer = await ask(Step(kind=step.kind, arguments={**step.arguments, "pipeline": rest}))
        if isinstance(answer, Failure) and answer.code == legacy.code:
            return BEHIND_A_WINDOW
    return None


def _filter_of(step: Step) -> Document:
    arguments = step.arguments
    for name in ("updates", "deletes"):
        if name in arguments:
            return dict(arguments[name][0]["q"])
    return dict(arguments.get("filter") or arguments.get("query") or {})


def _with_pipeline(step: Step) -> bool:
    if step.kind is Kind.AGGREGATE:
        return True
    updates = step.arguments.get("updates", [{"u": step.arguments.get("update")}])
    return any(isinstance(each.get("u"), list) for each in updates)


def _matches_keys(pipeline: list[Document]) -> bool:
    """Return whether a condition that reads a key stands behind a group."""
    names = [next(iter(stage)) for stage in pipeline]
    grouped = next((at for at, name in enumerate(names) if name in GROUPING), len(names))
    conditions = [stage["$match"] for stage in pipeline[grouped + 1 :] if "$match" in stage]
    return any("$expr" in each and "'$_id" in repr(each) for each in conditions)


def _groups_in_front(pipeline: list[Document]) -> bool:
    for stage in pipeline:
        name = next(iter(stage))
        if name in GROUPING:
            return True
        if name not in PUSHED_DOWN:
            return False
    return False


def _with_types_lost(result: Result | str) -> Any:
    """Return the documents of a result in no order, each value of a group as the server hands it over."""
    if not isinstance(result, Documents):
        return result
    documents = map(decode, result.documents)
    return sorted(
        encode({name: _handed_over(value) for name, value in each.items()}) for each in documents
    )


def _handed_over(value: Any) -> Any:
    if isinstance(value, MinKey | MaxKey):
        return {"": value}
    if isinstance(value, list):
        return [_handed_over(each) for each in value]
    if isinstance(value, dict) and list(value) != [""]:
        return {name: _handed_over(each) for name, each in value.items()}
    return str(value) if isinstance(value, Code) and value.scope is None else value


def _parts(pipeline: list[Document]) -> Iterator[list[Document]]:
    """Yield the pipeline with one field alone left in a stage of several."""
    for at, stage in enumerate(pipeline):
        name, fields = next(iter(stage.items()))
        if name in SHAPING and len(fields) > 1:
            for field, value in fields.items():
                kept = {"_id": None, field: value} if name == "$group" else {field: value}
                yield [*pipeline[:at], {name: kept}]


def _without_window(pipeline: list[Document]) -> Iterator[list[Document]]:
    """Yield the pipeline without a window that has a stage behind it."""
    for at, stage in enumerate(pipeline[:-1]):
        if WINDOWS & stage.keys():
            yield [*pipeline[:at], *pipeline[at + 1 :]]


def _sorted(result: Result | str) -> Any:
    """Return a result with the fields of its documents in the order of their names."""
    if isinstance(result, Documents):
        return Documents(documents=tuple(map(_by_name, result.documents)))
    if isinstance(result, Modified) and result.document is not None:
        return _by_name(result.document)
    return result


def _by_name(raw: bytes) -> bytes:
    return encode(_ordered(decode(raw)))


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value
