"""`$type`, `$convert` and its short forms.

Source: MongoDB manual, "Type Expression Operators".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import bson
from bson.binary import Binary
from bson.code import Code

from adapters.evaluate.expressions.conversion import CONVERSIONS, ConversionError, target_of
from adapters.evaluate.expressions.kinds import ABSENT, is_nullish, type_name
from adapters.evaluate.expressions.object import document_of
from adapters.evaluate.numbers import is_number
from adapters.query.failures import CommandFailure


def _convert(arguments: Sequence[Any]) -> Any:
    value, to, on_error, on_null = arguments
    if is_nullish(value):
        if not is_nullish(to):
            target_of(to)
        return None if on_null is ABSENT else on_null
    if is_nullish(to):
        return None
    return _converted(value, target_of(to), on_error)


def _converted(value: Any, target: str, on_error: Any) -> Any:
    try:
        conversion = CONVERSIONS.get((type_name(value), target))
        if conversion is None:
            if target == "bool":
                return True
            raise ConversionError(f"Unsupported conversion from {type_name(value)} to {target}")
        return conversion(value)
    except ConversionError as refused:
        if on_error is ABSENT:
            raise CommandFailure(241, str(refused)) from refused
        return on_error


def _to(target: str) -> Callable[[Sequence[Any]], Any]:
    def evaluate(arguments: Sequence[Any]) -> Any:
        return None if is_nullish(arguments[0]) else _converted(arguments[0], target, ABSENT)

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


EXPRESSIONS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    "$binarySize": _binary_size,
    "$bsonSize": _bson_size,
    "$convert": _convert,
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
