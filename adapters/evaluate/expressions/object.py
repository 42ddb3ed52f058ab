"""`$mergeObjects`, `$objectToArray` and the other object operators.

Source: MongoDB manual, "Object Expression Operators".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from bson.dbref import DBRef

from adapters.evaluate.expressions.kinds import is_nullish
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name
from comparators.canonical import MISSING


def document_of(value: Any) -> dict[str, Any] | None:
    """Return a value as a document; None if it is none."""
    if isinstance(value, dict):
        return value
    return dict(value.as_doc()) if isinstance(value, DBRef) else None


def merge_objects(arguments: Iterable[Any]) -> Any:
    merged: dict[str, Any] = {}
    for value in arguments:
        document = document_of(value)
        if document is not None:
            merged.update(document)
        elif not is_nullish(value):
            raise CommandFailure(
                40400, f"$mergeObjects requires object inputs, not {type_name(value)}"
            )
    return merged


def _merge_objects(arguments: Sequence[Any]) -> Any:
    """Merge the arguments, or the elements of an array given alone."""
    only = arguments[0] if len(arguments) == 1 else None
    return merge_objects(only if isinstance(only, list) else arguments)


def _object_to_array(arguments: Sequence[Any]) -> Any:
    if is_nullish(arguments[0]):
        return None
    document = document_of(arguments[0])
    if document is None:
        raise CommandFailure(
            40390, f"$objectToArray requires a document, not {type_name(arguments[0])}"
        )
    return [{"k": name, "v": value} for name, value in document.items()]


def _array_to_object(arguments: Sequence[Any]) -> Any:
    array = arguments[0]
    if is_nullish(array):
        return None
    if not isinstance(array, list):
        raise CommandFailure(
            40386, f"$arrayToObject requires an array input, found: {type_name(array)}"
        )
    if not array:
        return {}
    if isinstance(array[0], list):
        pairs = [_pair(item) for item in array]
    elif isinstance(array[0], dict):
        pairs = [_named_pair(item) for item in array]
    else:
        raise CommandFailure(
            40398, f"Unrecognised input type format for $arrayToObject: {type_name(array[0])}"
        )
    return dict(pairs)


def _pair(item: Any) -> tuple[str, Any]:
    if not isinstance(item, list):
        raise CommandFailure(40396, "$arrayToObject requires a consistent input format")
    if len(item) != 2:
        raise CommandFailure(40397, "$arrayToObject requires an array of size 2 arrays")
    if not isinstance(item[0], str):
        raise CommandFailure(40395, "$arrayToObject requires an array of key-value pairs")
    return _named(item[0], item[1])


def _named_pair(item: Any) -> tuple[str, Any]:
    if not isinstance(item, dict):
        raise CommandFailure(40391, "$arrayToObject requires a consistent input format")
    if len(item) != 2:
        raise CommandFailure(40392, "$arrayToObject requires an object keys of 'k' and 'v'")
    if "k" not in item or "v" not in item:
        raise CommandFailure(40393, "$arrayToObject requires an object with keys 'k' and 'v'")
    if not isinstance(item["k"], str):
        raise CommandFailure(40394, "$arrayToObject requires an object with a string 'k'")
    return _named(item["k"], item["v"])


def _named(name: str, value: Any) -> tuple[str, Any]:
    if "\0" in name:
        raise CommandFailure(4940400, "Key field cannot contain an embedded null byte")
    return name, value


def _get_field(arguments: Sequence[Any]) -> Any:
    name, value = arguments
    if is_nullish(value):
        return value
    document = document_of(value)
    return MISSING if document is None else document.get(name, MISSING)


def _set_field(arguments: Iterable[Any]) -> Any:
    values = iter(arguments)
    name, value = next(values), next(values)
    if is_nullish(value):
        return None
    document = document_of(value)
    if document is None:
        raise CommandFailure(
            4161105, f"$setField requires 'input' to be an object, not {type_name(value)}"
        )
    new = next(values)
    if new is MISSING:
        return {key: item for key, item in document.items() if key != name}
    return {**document, name: new}


def _unset_field(arguments: Sequence[Any]) -> Any:
    return _set_field((*arguments, MISSING))


STOPPING: Final[Mapping[str, Callable[[Iterable[Any]], Any]]] = {
    "$setField": _set_field,
}
"""Operators that look at an argument before they evaluate the next."""

EXPRESSIONS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    **STOPPING,
    "$arrayToObject": _array_to_object,
    "$getField": _get_field,
    "$mergeObjects": _merge_objects,
    "$objectToArray": _object_to_array,
    "$unsetField": _unset_field,
}
