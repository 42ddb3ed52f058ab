"""`$push`, `$addToSet`, `$pull`, `$pullAll` and `$pop`.

Source: MongoDB manual, "Array Update Operators".
"""

from collections.abc import Callable
from typing import Any, Final

from bson.dbref import DBRef

from adapters.evaluate.changes.outcome import NOTHING
from adapters.evaluate.element_order import element_key
from adapters.evaluate.match import matcher
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name
from adapters.query.update import AddToSet, Pop, PullAll, PullMatching, Push
from comparators.canonical import MISSING

BAD_VALUE: Final = 2
TYPE_MISMATCH: Final = 14


def pushed(change: Push, current: Any) -> Any:
    """Return the array with the values put in, then sorted, then cut."""
    array = [] if current is MISSING else list(_array(current, "$push", BAD_VALUE))
    if current is not MISSING and _comes_to_nothing(change, array):
        return NOTHING
    at = len(array) if change.position is None else change.position
    array[at:at] = change.values
    if change.order is not None:
        array.sort(key=element_key(change.order, change.comparing))
    if change.keep is not None:
        array = array[: change.keep] if change.keep >= 0 else array[change.keep :]
    return array


def _comes_to_nothing(change: Push, array: list[Any]) -> bool:
    """Return whether there is nothing to put in, to sort or to cut."""
    if change.values or change.order is not None:
        return False
    return change.keep is None or abs(change.keep) >= len(array)


def added_to_set(change: AddToSet, current: Any) -> Any:
    """Return the array with those values that none of its elements is equal to."""
    array = [] if current is MISSING else list(_array(current, "$addToSet", BAD_VALUE))
    key_of = change.comparing.key
    known = set(map(key_of, array))
    for value in change.values:
        key = key_of(value)
        if key not in known:
            known.add(key)
            array.append(value)
    return array


def pulled_matching(change: PullMatching, current: Any) -> Any:
    """Return the array without the elements that the condition holds for."""
    matches = matcher(change.condition)
    if change.documents:
        return _kept(current, lambda each: isinstance(each, dict | DBRef) and matches(each))
    return _kept(current, lambda each: matches({"": each}))


def pulled_all(change: PullAll, current: Any) -> Any:
    """Return the array without the elements that are equal to one of the values."""
    key_of = change.comparing.key
    keys = set(map(key_of, change.values))
    return _kept(current, lambda each: key_of(each) in keys)


def popped(change: Pop, current: Any) -> Any:
    """Return the array without its first or last element."""
    if current is MISSING:
        return NOTHING
    array = _array(current, "$pop", TYPE_MISMATCH)
    return array[1:] if change.first else array[:-1]


def _kept(current: Any, leaves: Callable[[Any], bool]) -> Any:
    if current is MISSING:
        return NOTHING
    array = _array(current, "$pull", BAD_VALUE)
    return [element for element in array if not leaves(element)]


def _array(value: Any, operator: str, code: int) -> list[Any]:
    if not isinstance(value, list):
        raise CommandFailure(code, f"Cannot apply {operator} to a {type_name(value)}")
    return value
