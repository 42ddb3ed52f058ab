"""Places in the order that several logs share: MongoDB's clock, and among equal clocks what changed something first."""

from typing import Final

from proxy.shadow.contention import has_steps
from proxy.shadow.effects import changed_something
from proxy.shadow.units import Committed, InDoubt, Single, Unit

_FIRST_CLOCK: Final = 1_577_836_800 << 32
"""Counted from 2020 on, so that twice a clock still fits into PostgreSQL's `bigint`."""


def write_at(clock: int) -> int:
    """Return the place of what changed something at a clock."""
    return 2 * (clock - _FIRST_CLOCK)


def read_at(clock: int) -> int:
    """Return the place of what saw everything up to a clock, and changed nothing."""
    return write_at(clock) + 1


def clock_at(place: int) -> int:
    """Return the clock of a place."""
    return (place >> 1) + _FIRST_CLOCK


def place_of(unit: Unit) -> int | None:
    """Return the place of a unit, None for one without a clock."""
    match unit:
        case Single(exchange=exchange) if exchange.clock is not None:
            effective = exchange.writes and changed_something(exchange)
            return (write_at if effective else read_at)(exchange.clock)
        case Committed() if unit.commit.clock is not None:
            return write_at(unit.commit.clock)
        case InDoubt() if unit.clock is not None:
            return write_at(unit.clock)
        case _:
            return None


def steps_of(unit: Unit) -> int | None:
    """Return the clock after which a write of several steps has begun; None for any other unit."""
    if not isinstance(unit, Single) or not unit.exchange.writes:
        return None
    exchange = unit.exchange
    if exchange.clock is None or not has_steps(exchange.operation):
        return None
    return before(exchange.clock, exchange.legacy_s)


def before(clock: int, seconds: float) -> int:
    """Return a clock that lies at least so many seconds before another: its upper half counts them."""
    return clock - ((int(seconds) + 1) << 32)
