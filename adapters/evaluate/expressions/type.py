"""`$type`, `$convert` and its short forms.

Source: MongoDB manual, "Type Expression Operators".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import bson
from bson.binary import Binary
from bson.code import Code

from adapters.evaluate.expressions.conversion import CONVERSIONS, ConversionError, target_of
from adapters.evaluate.expressions.kinds import ABSENT, is_nullish
from adapters.evaluate.expressions.object import document_of
from adapters.evaluate.expressions.variables import Variables
from adapters.evaluate.numbers import is_number
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name

Evaluate = Callable[[Variables], Any]


def _convert(arguments: Sequence[Evaluate]) -> Evaluate:
    """`onError` and `onNull` are evaluated only where they are needed."""
    source, target, on_error, on_null = arguments

    def evaluate(variables: Variables) -> Any:
        to, value = target(variables), source(variables)
        if is_nullish(value):
            if not is_nullish(to):
                target_of(to)
            instead = on_null(variables)
            return None if instead is ABSENT else instead
        if is_nullish(to):
            return None
        try:
            return _converted(value, target_of(to))
        except ConversionError as refused:
            instead = on_error(variables)
            if instead is ABSENT:
                raise CommandFailure(241, str(refused)) from refused
            return instead

    return evaluate


def _converted(value: Any, target: str) -> Any:
    conversion = CONVERSIONS.get((type_name(value), target))
    if conversion is not None:
        return conversion(value)
    if target == "bool":
        return True
    raise ConversionError(f"Unsupported conversion from {type_name(value)} to {target}")


def _to(target: str) -> Callable[[Sequence[Any]], Any]:
    def evaluate(arguments: Sequence[Any]) -> Any:
        if is_nullish(arguments[0]):
            return None
        try:
            return _converted(arguments[0], target)
        except ConversionError as refused:
            raise CommandFailure(241, str(refused)) from refused

    return evaluate


def _bson_size(arguments: Sequence[Any]) -> Any:
    if is_nullish(arguments[0]):
        return None
    document = document_of(arguments[0])
    if document is None:
        raise CommandFailure(
            31393, f"$bsonSize requires a document input, found: {type_name(arguments[0])}"
        )
    return len(bson.encode(document))


def _binary_size(arguments: Sequence[Any]) -> Any:
    value = arguments[0]
    if is_nullish(value):
        return None
    if isinstance(value, str) and not isinstance(value, Code):
        return len(value.encode())
    if isinstance(value, bytes | Binary):
        return len(value)
    raise CommandFailure(
        51276, f"$binarySize requires a string or BinData argument, found: {type_name(value)}"
    )


LAZY: Final[Mapping[str, Callable[[Sequence[Evaluate]], Evaluate]]] = {"$convert": _convert}
"""Operators that do not evaluate all of their arguments."""

EXPRESSIONS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    "$binarySize": _binary_size,
    "$bsonSize": _bson_size,
    "$isNumber": lambda arguments: is_number(arguments[0]),
    "$toBool": _to("bool"),
    "$toDate": _to("date"),
    "$toDecimal": _to("decimal"),
    "$toDouble": _to("double"),
    "$toInt": _to("int"),
    "$toLong": _to("long"),
    "$toObjectId": _to("objectId"),
    "$toString": _to("string"),
    "$type": lambda arguments: type_name(arguments[0]),
}
