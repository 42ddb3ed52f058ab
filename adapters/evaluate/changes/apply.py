"""What each change makes of the value at its place."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.timestamp import Timestamp

from adapters.evaluate.changes.arrays import (
    added_to_set,
    popped,
    pulled_all,
    pulled_matching,
    pushed,
)
from adapters.evaluate.changes.numbers import calculated, changed_bits
from adapters.evaluate.changes.outcome import NOTHING, REMOVED
from adapters.evaluate.clock import clock_reading
from adapters.query.update import (
    AddToSet,
    Bound,
    Calculate,
    ChangeBits,
    CurrentDate,
    Pop,
    PullAll,
    PullMatching,
    Push,
    SetTo,
    Unset,
)
from comparators.canonical import MISSING


def bounded(change: Bound, current: Any) -> Any:
    """Return the value where it lies below (`$min`) or above (`$max`) the current one."""
    if current is MISSING:
        return change.value
    order = change.comparing.compare(change.value, current)
    return change.value if (order > 0 if change.upper else order < 0) else NOTHING


VALUES: Final[Mapping[type, Callable[[Any, Any], Any]]] = {
    SetTo: lambda change, _current: change.value,
    Unset: lambda _change, current: NOTHING if current is MISSING else REMOVED,
    Bound: bounded,
    Calculate: calculated,
    ChangeBits: changed_bits,
    Push: pushed,
    AddToSet: added_to_set,
    PullMatching: pulled_matching,
    PullAll: pulled_all,
    Pop: popped,
}
"""From a change and the current value (MISSING for none) to the next value or an Effect."""


def current_date(change: CurrentDate, now_ms: int) -> DatetimeMS | Timestamp:
    """Return the server's clock."""
    return clock_reading(now_ms, 1) if change.timestamp else DatetimeMS(now_ms)
