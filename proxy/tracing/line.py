"""A line of the log on its way to a collector, and how it is tapped off."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from proxy.tracing.exemplar import Place

ABOUT_EXPORTS: Final = "export_failed"
"""Is not sent: a collector that is away would be told of each time that it is."""
_ELSEWHERE: Final = frozenset({"event", "level", "timestamp", "part", "trace_id", "span_id"})


class Line(NamedTuple):
    """One event."""

    at_ns: int
    event: str
    level: str
    place: Place | None
    fields: dict[str, Any]


@contextmanager
def tapped(put: Callable[[Line], None]) -> Iterator[None]:
    """Have each line that is written given to `put` as well."""
    processors: list[Processor] = structlog.get_config()["processors"]
    *before, render = processors
    structlog.configure(processors=[*before, _tap(put), render])
    try:
        yield
    finally:
        structlog.configure(processors=processors)


def _tap(put: Callable[[Line], None]) -> Processor:
    def tap(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        if event["event"] != ABOUT_EXPORTS:
            put(_line(event))
        return event

    return tap


def _line(event: EventDict) -> Line:
    return Line(
        at_ns=time.time_ns(),
        event=str(event["event"]),
        level=str(event["level"]),
        place=_place(event.get("trace_id"), event.get("span_id")),
        fields={name: value for name, value in event.items() if name not in _ELSEWHERE},
    )


def _place(trace_id: str | None, span_id: str | None) -> Place | None:
    if trace_id is None or span_id is None:
        return None
    return Place(int(trace_id, 16), int(span_id, 16))
