"""An operation without its literal values: what statistics, fingerprints and pages are keyed by.

No literal reaches a shape: a value is written `=` in a condition and `?` in an expression, a regular
expression `~`. What names something (fields, operators, variables, stages, collections) stays, unless it
looks like a value itself; directions of a sort, 0 and 1 of a projection and the operand of `$exists`
stay as well. Lists of alternatives collapse to their distinct shapes, so that the text is bounded
whatever an application sends.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

from bson.regex import Regex

from comparators.naming import MORE, general_path
from comparators.operation import Kind, Operation

MAX_TEXT: Final = 600
MAX_FIELDS: Final = 32
MAX_ALTERNATIVES: Final = 8
MAX_LOOKED_AT: Final = 64
MAX_DEPTH: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A readable text, and a short hash of it that is the same in every process and release."""

    id: str
    text: str


def shape_of(operation: Operation) -> Shape:
    """Return the shape of an operation; two operations that differ in literals alone share it."""
    arguments = operation.arguments
    collection = general_path(operation.collection)
    command = str(operation.kind)
    if operation.kind is Kind.OTHER:
        command = next(iter(arguments), command)
    parts = [f"{collection}.{command}"]
    for name, render in _ARGUMENTS.items():
        if name in arguments:
            text = render(arguments[name])
            if text:
                parts.append(text)
    if not arguments.keys() <= _KNOWN:
        others = arguments.keys() - _KNOWN - {command}
        parts += sorted(map(general_path, others))[:MAX_FIELDS]
    return _shape(" ".join(parts))


@lru_cache(maxsize=4096)
def _shape(text: str) -> Shape:
    identifier = blake2b(text.encode(), digest_size=6).hexdigest()
    if len(text) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]}{MORE} #{identifier}"
    return Shape(id=identifier, text=text)


def _condition(value: Any, depth: int = 0) -> str:
    """Render a filter: `{email:=,createdAt:{$gt}}`."""
    if not isinstance(value, Mapping) or depth > MAX_DEPTH:
        return "="
    parts: list[str] = []
    for name, operand in value.items():
        if len(parts) == MAX_FIELDS:
            parts.append(MORE)
            break
        if name[:1] == "$":
            parts.append(_operator(name, operand, depth))
        else:
            parts.append(f"{general_path(name)}:{_operand(operand, depth)}")
    return "{" + ",".join(parts) + "}"


def _operand(value: Any, depth: int) -> str:
    if type(value) is dict and next(iter(value), "")[:1] == "$":
        return _condition(value, depth + 1)
    return "~" if type(value) is Regex else "="


def _operator(name: str, operand: Any, depth: int) -> str:
    render = _OPERATORS.get(name)
    return general_path(name) if render is None else name + render(operand, depth + 1)


def _boolean(value: Any, _depth: int = 0) -> str:
    return ":true" if value else ":false"


def _conditions(value: Any, depth: int = 0) -> str:
    return _alternatives(value, lambda item: _condition(item, depth))


def _negated(value: Any, depth: int) -> str:
    return ":" + _operand(value, depth)


def _alternatives(value: Any, render: Callable[[Any], str]) -> str:
    """Render a list as the sorted set of the shapes of its items."""
    if not isinstance(value, list | tuple):
        return "?"
    if len(value) == 1:
        return f"[{render(value[0])}]"
    shapes = sorted({render(item) for item in value[:MAX_LOOKED_AT]})
    if len(shapes) > MAX_ALTERNATIVES or len(value) > MAX_LOOKED_AT:
        shapes = [*shapes[:MAX_ALTERNATIVES], MORE]
    return "[" + "|".join(shapes) + "]"


def _expression(value: Any, depth: int = 0) -> str:
    """Render an aggregation expression: `{$eq:[$owner,?]}`."""
    if isinstance(value, str):
        return general_path(value) if value[:1] == "$" and len(value) > 1 else "?"
    if depth > MAX_DEPTH:
        return MORE
    if isinstance(value, Mapping):
        return _named(value, lambda item: _expression(item, depth + 1))
    if isinstance(value, list | tuple):
        return _items(value, lambda item: _expression(item, depth + 1))
    return "?"


def _named(value: Mapping[str, Any], render: Callable[[Any], str]) -> str:
    parts: list[str] = []
    for name, item in value.items():
        if len(parts) == MAX_FIELDS:
            parts.append(MORE)
            break
        own = _EXPRESSIONS.get(name)
        text = render(item) if own is None else own(item)
        parts.append(f"{general_path(name)}:{text}")
    return "{" + ",".join(parts) + "}"


def _items(value: Sequence[Any], render: Callable[[Any], str]) -> str:
    """Render a list in its order, runs of equal shapes once: the arguments of an operator."""
    parts: list[str] = []
    for item in value[:MAX_LOOKED_AT]:
        text = render(item)
        if not parts or parts[-1] != text:
            parts.append(text)
    if len(parts) > MAX_ALTERNATIVES or len(value) > MAX_LOOKED_AT:
        parts = [*parts[:MAX_ALTERNATIVES], MORE]
    return "[" + ",".join(parts) + "]"


def _literal(_value: Any) -> str:
    return "?"


def _switch(value: Any) -> str:
    return "*" if value is None else general_path(str(value))


def _directions(value: Any, _depth: int = 0) -> str:
    """Render a sort or the key of an index: `{createdAt:-1}`."""
    if not isinstance(value, Mapping):
        return "?"
    return (
        "{"
        + ",".join(f"{general_path(name)}:{_direction(way)}" for name, way in value.items())
        + "}"
    )


def _direction(value: Any) -> str:
    if isinstance(value, int | float) and value in {1, -1}:
        return str(int(value))
    if isinstance(value, str):
        return general_path(value)
    return _named(value, _switch) if isinstance(value, Mapping) else "?"


def _projection(value: Any, depth: int = 0) -> str:
    if isinstance(value, bool | int | float):
        return "1" if value else "0"
    if isinstance(value, Mapping) and depth < MAX_DEPTH:
        return _named(value, lambda item: _projection(item, depth + 1))
    return _expression(value, depth)


def _update(value: Any) -> str:
    """Render an update: its operators and fields; of a replacement only that it is one."""
    if isinstance(value, list):
        return "update" + _pipeline(value)
    if not isinstance(value, Mapping) or next(iter(value), "")[:1] != "$":
        return "replace"
    return "update{" + ",".join(_update_operator(*each) for each in value.items()) + "}"


def _update_operator(name: str, fields: Any) -> str:
    if not isinstance(fields, Mapping):
        return general_path(name)
    parts = [
        general_path(path) + (_operand(value, 1) if _has_operators(value) else "")
        for path, value in list(fields.items())[:MAX_FIELDS]
    ]
    if len(fields) > MAX_FIELDS:
        parts.append(MORE)
    return f"{general_path(name)}:{{{','.join(parts)}}}"


def _has_operators(value: Any) -> bool:
    return type(value) is dict and next(iter(value), "")[:1] == "$"


def _pipeline(value: Any, depth: int = 0) -> str:
    if not isinstance(value, list | tuple) or depth > MAX_DEPTH:
        return "?"
    stages = [_stage(stage, depth) for stage in value[:MAX_FIELDS]]
    return "[" + ",".join(stages) + (f",{MORE}]" if len(value) > MAX_FIELDS else "]")


def _stage(stage: Any, depth: int) -> str:
    if not isinstance(stage, Mapping):
        return "?"
    return ",".join(
        general_path(name) + _STAGES.get(name, _expression)(body, depth + 1)
        for name, body in stage.items()
    )


def _joined(value: Any, depth: int) -> str:
    """Render `$lookup` and its kin: names of collections and fields, and pipelines."""
    if isinstance(value, str):
        return ":" + general_path(value)
    if not isinstance(value, Mapping):
        return "?"
    parts = []
    for name, item in value.items():
        if name == "pipeline":
            parts.append(f"pipeline:{_pipeline(item, depth)}")
        elif isinstance(item, str):
            parts.append(f"{general_path(name)}:{general_path(item)}")
        else:
            parts.append(f"{general_path(name)}:{_expression(item, depth)}")
    return "{" + ",".join(parts) + "}"


def _facets(value: Any, depth: int) -> str:
    return _named(value, lambda item: _pipeline(item, depth)) if isinstance(value, Mapping) else "?"


def _unwind(value: Any, depth: int) -> str:
    return "{" + general_path(value) + "}" if isinstance(value, str) else _expression(value, depth)


def _names(value: Any, _depth: int) -> str:
    names = [value] if isinstance(value, str) else value
    return _alternatives(names, lambda name: general_path(str(name)))


def _nothing(_value: Any, _depth: int = 0) -> str:
    return ""


def _documents(value: Any) -> str:
    return "1" if len(value) == 1 else "many"


def _statements(value: Any) -> str:
    """Render the statements of a batch of updates or deletes."""
    if len(value) == 1:
        return _statement(value[0])
    return "many" + _alternatives(value, _statement)


def _statement(statement: Any) -> str:
    if not isinstance(statement, Mapping):
        return "?"
    texts = [
        render(statement[name]) for name, render in _STATEMENT_FIELDS.items() if name in statement
    ]
    return " ".join(filter(None, texts))


def _indexes(value: Any) -> str:
    return "indexes" + _alternatives(value, _index)


def _index(value: Any) -> str:
    if not isinstance(value, Mapping):
        return "?"
    flags = [f"{name} " for name in _INDEX_FLAGS if value.get(name, False) is not False]
    return "".join(flags) + _directions(value.get("key"))


def _labelled(label: str, render: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: label + render(value)


def _if_set(label: str) -> Callable[[Any], str]:
    return lambda value: label if value else ""


def _if_given(label: str, render: Callable[[Any], str]) -> Callable[[Any], str]:
    """Drivers send an empty filter, sort or projection where others send none."""
    return lambda value: label + render(value) if value else ""


_OPERATORS: Final[Mapping[str, Callable[[Any, int], str]]] = {
    "$and": _conditions,
    "$or": _conditions,
    "$nor": _conditions,
    "$elemMatch": _condition,
    "$not": _negated,
    "$all": lambda value, depth: _alternatives(value, lambda item: _operand(item, depth)),
    "$exists": _boolean,
    "$expr": lambda value, depth: ":" + _expression(value, depth),
}

_EXPRESSIONS: Final[Mapping[str, Callable[[Any], str]]] = {
    "$literal": _literal,
    "$elemMatch": _condition,
    "$meta": _switch,
}

_STAGES: Final[Mapping[str, Callable[[Any, int], str]]] = {
    "$match": _condition,
    "$sort": _directions,
    "$project": _projection,
    "$limit": _nothing,
    "$skip": _nothing,
    "$sample": _nothing,
    "$count": _nothing,
    "$unwind": _unwind,
    "$unset": _names,
    "$lookup": _joined,
    "$graphLookup": _joined,
    "$unionWith": _joined,
    "$out": _joined,
    "$merge": _joined,
    "$facet": _facets,
}

_INDEX_FLAGS: Final = (
    "unique",
    "sparse",
    "expireAfterSeconds",
    "partialFilterExpression",
    "collation",
)

_STATEMENT_FIELDS: Final[Mapping[str, Callable[[Any], str]]] = {
    "q": _labelled("filter", _condition),
    "u": _update,
    "limit": lambda value: "one" if value == 1 else "many",
    "arrayFilters": _if_given("arrayFilters", _conditions),
    "multi": _if_set("multi"),
    "upsert": _if_set("upsert"),
    "collation": _if_given("collation", _nothing),
}

_ARGUMENTS: Final[Mapping[str, Callable[[Any], str]]] = {
    "key": lambda value: "key:" + general_path(str(value)),
    "filter": _if_given("filter", _condition),
    "query": _if_given("filter", _condition),
    "pipeline": _pipeline,
    "update": _update,
    "updates": _statements,
    "deletes": _statements,
    "documents": _documents,
    "indexes": _indexes,
    "index": _if_given("index", lambda value: _directions(value) if type(value) is dict else ""),
    "arrayFilters": _if_given("arrayFilters", _conditions),
    "sort": _if_given("sort", _directions),
    "skip": _if_set("skip"),
    "limit": _if_set("limit"),
    "projection": _if_given("projection", _projection),
    "fields": _if_given("projection", _projection),
    "collation": _if_given("collation", _nothing),
    "remove": _if_set("remove"),
    "new": _if_set("new"),
    "upsert": _if_set("upsert"),
    "ordered": lambda value: "" if value else "unordered",
}

# What these say is no part of the question, or the server's and the driver's own business.
_KNOWN: Final = frozenset(_ARGUMENTS) | {
    "batchSize",
    "bypassDocumentValidation",
    "comment",
    "cursor",
    "hint",
    "lsid",
    "maxTimeMS",
    "nameOnly",
    "readConcern",
    "singleBatch",
    "txnNumber",
    "writeConcern",
}
