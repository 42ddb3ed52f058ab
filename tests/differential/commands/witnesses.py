"""Documents that a command finds: made from its own filter, update and pipeline.

They are a guess; whether the command then matched something is counted by who runs it.
"""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import chain, takewhile
from typing import Any, Final

from bson.binary import Binary
from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId
from bson.regex import Regex

Document = dict[str, Any]

MOST_VARIANTS: Final = 6
A_DAY_MS: Final = 86_400_000
SOME_DATE: Final = DatetimeMS(1_790_000_000_000)
OF_TYPE: Final[Mapping[Any, Any]] = {
    "string": "text",
    "object": {"k": 1},
    "array": ["text"],
    "bool": True,
    "date": SOME_DATE,
    "int": 7,
    "long": 7,
    "double": 7.5,
    "number": 7,
    "null": None,
    "objectId": ObjectId("65543210aabbccddeeff0011"),
    "binData": Binary(b"bytes"),
}
WAYS: Final = (
    (r"^\^|\$$", ""),
    (r"\((?:\?:)?[^()]*\)\?", ""),
    (r"\(\?:([^()|]*)\|[^()]*\)", r"\1"),
    (r"\[\^?[^]]*\][+*]?", "a"),
    (r"\\w[+*]?", "w"),
    (r"\\d[+*]?", "1"),
    (r"(?<!\\)\.[+*]?", "x"),
)
"""Signs of patterns, and a text that fits them."""
TAKES_ARRAYS: Final = frozenset("$push $addToSet $pull $pullAll $pop".split())
PASSING: Final = frozenset({"$match", "$sort", "$limit", "$skip"})
"""Stages behind which a document is still what it was."""
READS_ARRAYS: Final = frozenset(
    "$size $filter $map $reduce $slice $concatArrays $reverseArray $arrayElemAt $unwind "
    "$anyElementTrue".split()
)
READS_NUMBERS: Final = frozenset("$sum $add $subtract $multiply $max $min $avg".split())
READS_TEXTS: Final = frozenset(
    "$substrCP $substrBytes $strLenCP $strLenBytes $concat $indexOfCP $regexMatch".split()
)


def filter_documents(query: Mapping[str, Any]) -> list[Document]:
    """Return documents of which each takes another branch of every `$or` in a filter."""
    made = []
    for choice in range(MOST_VARIANTS):
        document: Document = {}
        _satisfy(document, query, choice)
        if document not in made:
            made.append(document)
    return made


def update_documents(statement: Mapping[str, Any]) -> list[Document]:
    """Return documents for a statement with `q`, `u` and perhaps `arrayFilters`."""
    made = filter_documents(statement["q"])
    for document in made:
        if isinstance(statement["u"], Mapping):
            _prepare(document, statement["u"], statement.get("arrayFilters") or [])
        else:
            _supply(document, statement["u"])
    return made


def pipeline_documents(
    pipeline: list[Document],
) -> tuple[list[Document], dict[str, list[Document]]]:
    """Return documents for a pipeline, and those of the collections that it joins."""
    leading = takewhile(lambda stage: next(iter(stage)) in PASSING, pipeline)
    matches = [stage["$match"] for stage in leading if "$match" in stage]
    # Twice, for a group of several.
    made = [deepcopy(each) for each in filter_documents({"$and": matches}) for _ in range(2)]
    joined: dict[str, list[Document]] = {}
    for stage in pipeline:
        lookup = stage.get("$lookup")
        if isinstance(lookup, Mapping):
            for document in made:
                local = lookup.get("localField", "_id")
                if _get(document, local) is None:
                    _put(document, local, "joined")
            foreign: Document = {}
            _put(foreign, lookup.get("foreignField", "_id"), _get(made[0], lookup["localField"]))
            joined.setdefault(lookup["from"], []).append(foreign)
    for document in made:
        _supply(document, pipeline)
    return made, joined


def _satisfy(document: Document, query: Mapping[str, Any], choice: int) -> None:
    for name, condition in query.items():
        if name == "$and":
            for part in condition:
                _satisfy(document, part, choice)
        elif name == "$or":
            _satisfy(document, condition[choice % len(condition)], choice)
        elif name == "$expr":
            _supply(document, condition)
        elif not name.startswith("$"):
            _meet(document, name, condition, choice)


def _meet(document: Document, path: str, condition: Any, choice: int) -> None:
    if not (isinstance(condition, Mapping) and any(name.startswith("$") for name in condition)):
        if condition is not None or path == "_id":
            _put(document, path, text_for(condition) if isinstance(condition, Regex) else condition)
        return
    for operator, operand in condition.items():
        value = _value_for(operator, operand, choice)
        if value is not None:
            _put(document, path, value)


def _value_for(operator: str, operand: Any, choice: int) -> Any:
    """Return a value that an operator takes; None to leave the field as it is."""
    match operator:
        case "$eq" | "$gte" | "$lte":
            return operand
        case "$in":
            given = [each for each in operand if each is not None]
            value = given[choice % len(given)] if given else None
            return text_for(value) if isinstance(value, Regex) else value
        case "$all":
            return list(operand)
        case "$gt":
            return _beside(operand, 1)
        case "$lt":
            return _beside(operand, -1)
        case "$ne" | "$nin":
            there = None in operand if isinstance(operand, list) else operand is None
            return "another" if there or choice % 2 else None
        case "$exists":
            return "there" if operand else None
        case "$type":
            named = operand[0] if isinstance(operand, list) else operand
            return OF_TYPE.get(named)
        case "$size":
            return ["element"] * int(operand)
        case "$elemMatch":
            return [_element(operand, choice)]
        case "$regex":
            return text_for(operand)
        case _:
            return None


def _element(query: Mapping[str, Any], choice: int) -> Any:
    if any(name.startswith("$") and name not in {"$and", "$or"} for name in query):
        holder: Document = {}
        _meet(holder, "value", query, choice)
        return holder.get("value")
    element: Document = {}
    _satisfy(element, query, choice)
    return element


def _beside(value: Any, step: int) -> Any:
    """Return a value a little above or below another."""
    if isinstance(value, DatetimeMS):
        return DatetimeMS(int(value) + step * A_DAY_MS)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return value + step
    if isinstance(value, ObjectId):
        number = int.from_bytes(value.binary, "big") + step
        return ObjectId(number.to_bytes(12, "big"))
    if isinstance(value, str):
        return value + "z" if step > 0 else value[:-1]
    return value


def text_for(pattern: Any) -> str:
    """Return a text that a pattern finds: its letters, one way through its groups and classes."""
    text = pattern.pattern if isinstance(pattern, Regex) else str(pattern)
    for sign, instead in WAYS:
        text = re.sub(sign, instead, text)
    return re.sub(r"\\(.)", r"\1", text)


def _prepare(
    document: Document, update: Mapping[str, Any], element_filters: list[Document]
) -> None:
    """Put what an update works on: arrays to push to, numbers to add to, elements to change."""
    elements: dict[str, Any] = {}
    for each in element_filters:
        for path, condition in each.items():
            identifier, _, rest = path.partition(".")
            holder: Document = {}
            _meet(holder, rest or "value", condition, 0)
            elements.setdefault(identifier, {}).update(holder)
    for operator, fields in update.items():
        if not operator.startswith("$") or operator == "$setOnInsert":
            continue
        for path, operand in fields.items():
            _prepare_path(document, operator, path, operand, elements)


def _prepare_path(
    document: Document, operator: str, path: str, operand: Any, elements: Mapping[str, Any]
) -> None:
    if ".$" in path:
        array, _, rest = path.partition(".$")
        identifier = rest.partition("]")[0].removeprefix("[")
        known = _get(document, array)
        element = elements.get(identifier, known if known is not None else "element")
        if not isinstance(known, list):
            _put(document, array, [element])
        return
    known = _get(document, path)
    if operator in TAKES_ARRAYS and not isinstance(known, list):
        given = operand.get("$each", ["element"]) if isinstance(operand, Mapping) else [operand]
        if operator == "$pull" and isinstance(operand, Mapping):
            given = [_element(operand, 0)]
        if operator == "$pullAll":
            given = operand
        _put(document, path, [*([] if known is None else [known]), *given, "kept"])
    elif operator in {"$inc", "$bit"} and not isinstance(known, int):
        _put(document, path, 5)
    elif operator == "$unset" and known is None:
        _put(document, path, "to go")


def _supply(document: Document, expression: Any) -> None:
    """Put a value of a fitting type at each path that an expression reads."""
    for operator, path in _reads(expression, ""):
        if _get(document, path) is not None:
            continue
        if operator in READS_ARRAYS:
            _put(document, path, [{"k": 1}, "element"])
        elif operator in READS_NUMBERS:
            _put(document, path, 3)
        elif operator in READS_TEXTS:
            _put(document, path, "text")
        elif operator == "$dateToString":
            _put(document, path, SOME_DATE)


def _reads(expression: Any, operator: str) -> Iterator[tuple[str, str]]:
    if isinstance(expression, str):
        if expression.startswith("$") and not expression.startswith("$$"):
            yield operator, expression[1:]
    elif isinstance(expression, Mapping):
        for name, inner in expression.items():
            yield from _reads(inner, name if name.startswith("$") else operator)
    elif isinstance(expression, list):
        yield from chain.from_iterable(_reads(item, operator) for item in expression)


def _get(document: Any, path: str) -> Any:
    value = document
    for segment in path.split("."):
        if isinstance(value, list):
            value = value[0] if value else None
        if not isinstance(value, Mapping):
            return None
        value = value.get(segment)
    return value


def _put(document: Document, path: str, value: Any) -> None:
    """Put a value at a path; where a plain value stands in the way it gives way to a document."""
    place: Any = document
    *above, last = path.split(".")
    for segment in above:
        if isinstance(place, list):
            if not place or not isinstance(place[0], dict):
                place[:] = [{}]
            place = place[0]
            if segment.isdecimal():
                continue
        if not isinstance(place.get(segment), dict | list):
            place[segment] = {}
        place = place[segment]
    if isinstance(place, list):
        if not place or not isinstance(place[0], dict):
            place[:] = [{}]
        place = place[0]
    place[last] = value
