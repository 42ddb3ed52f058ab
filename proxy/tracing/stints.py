"""Tell of stretches of work as they end, each within the one in which it began.

The decision comes when the outermost begins, by `telemetry.traces`, or by the span of another process that it belongs to. What went
wrong is told of whatever was decided, with all that it happened in: so it is decided anew at the end. The current one is
OpenTelemetry's current span, so that lines of the log have its numbers.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final

from opentelemetry.context import Context, attach, detach

from proxy.tracing.context import Parent
from proxy.tracing.exemplar import Place, context_of
from proxy.tracing.stint import Fact, Role, Stint

MOST_WITHIN: Final = 1_000
"""Stints that are told of within another one; a collection of any size is one trace that can be looked at."""
NO_FACTS: Final[Mapping[str, Fact]] = MappingProxyType({})
OMITTED: Final = "parallax.spans.omitted"
_TRACE_BITS: Final = 128
_SPAN_BITS: Final = 64
_RANDOM_BITS: Final = 56
_MASK: Final = (1 << _RANDOM_BITS) - 1


class Doing:
    """A stint that has begun. `facts` may be added to until it ends; `error` is set where something went wrong."""

    def __init__(
        self,
        name: str,
        place: Place,
        *,
        parent: Parent | None,
        within: "Doing | None",
        facts: dict[str, Fact],
    ) -> None:
        """`within` is the one of this process that it belongs to, None for none."""
        self.name = name
        self.facts = facts
        self.error: str | None = None
        self.is_told = False
        self.within = within
        self._place = place
        self._parent = parent
        self._began_ns = time.time_ns()
        self._spans = 0

    @property
    def as_parent(self) -> Parent:
        """Return it for those that begin in it."""
        trace_id, span_id = self._place
        return Parent(trace_id=trace_id, span_id=span_id, is_sampled=self.is_told)

    def told_after_all(self) -> None:
        """Be told of, with all that it happened in: that does not become an error by it, for it may go on."""
        doing: Doing | None = self
        while doing is not None:
            doing.is_told = True
            doing = doing.within

    def makes_room(self) -> bool:
        """Return whether one more may be told of within this one; count it."""
        self._spans += 1
        if self._spans <= MOST_WITHIN:
            return True
        self.facts[OMITTED] = self._spans - MOST_WITHIN
        return False

    def ended(self) -> Stint:
        """Return it as it is told of."""
        return Stint(
            trace_id=self._place.trace_id,
            span_id=self._place.span_id,
            parent=0 if self._parent is None else self._parent.span_id,
            is_remote=self._parent is not None and self.within is None,
            name=self.name,
            role=Role.INTERNAL,
            began_ns=self._began_ns,
            ended_ns=time.time_ns(),
            facts=self.facts,
            error=self.error,
        )


_CURRENT: Final[ContextVar[Doing | None]] = ContextVar("stint", default=None)


class Stints:
    """`put` takes what is told of and never waits; None where nobody is told. `ratio` is the share of the outermost ones.

    `parent` is a span of another process to which the outermost belong, where they name none themselves.
    """

    def __init__(
        self,
        put: Callable[[Stint], None] | None = None,
        *,
        ratio: float = 0.0,
        parent: Parent | None = None,
    ) -> None:
        self._put = put
        self._below = round(ratio * (1 << _RANDOM_BITS))
        self._outermost = parent

    @contextmanager
    def doing(
        self,
        what: str,
        namespace: str = "",
        facts: Mapping[str, Fact] = NO_FACTS,
        *,
        parent: Parent | None = None,
    ) -> Iterator[Doing]:
        """Tell of what is done on a collection until the block ends, and of an error that ends it; `parent` is a span of another process."""
        within = _CURRENT.get() if parent is None else None
        above = within.as_parent if within is not None else parent or self._outermost
        place = Place(
            secrets.randbits(_TRACE_BITS) if above is None else above.trace_id,
            secrets.randbits(_SPAN_BITS),
        )
        name, about = named_for(what, namespace)
        doing = Doing(name, place, parent=above, within=within, facts={**about, **facts})
        if self._put is None:
            yield doing
            return
        is_drawn = place.trace_id & _MASK < self._below
        doing.is_told = is_drawn if above is None else above.is_sampled
        token, attached = _CURRENT.set(doing), attach(_context_of(place))
        try:
            yield doing
        except Exception as error:
            doing.error = doing.error or name_of(error)
            raise
        finally:
            detach(attached)
            _CURRENT.reset(token)
            self._end(doing, self._put)

    def _end(self, doing: Doing, put: Callable[[Stint], None]) -> None:
        if doing.error is not None:
            doing.told_after_all()
        if doing.is_told and (doing.within is None or doing.within.makes_room()):
            put(doing.ended())


def named_for(what: str, namespace: str) -> tuple[str, dict[str, Fact]]:
    """Return the name of a span about a collection, and how its facts name that; nothing for no collection."""
    database, _, collection = namespace.partition(".")
    about: dict[str, Fact] = {"db.namespace": database} if database else {}
    if not collection:
        return what, about
    return f"{what} {collection}", {**about, "db.collection.name": collection}


def carried() -> str | None:
    """Return the current stint as a `traceparent` for another process; None where there is none."""
    doing = _CURRENT.get()
    return None if doing is None else as_header(doing.as_parent)


def as_header(parent: Parent) -> str:
    """Return a span as W3C's Trace Context writes it."""
    return f"00-{parent.trace_id:032x}-{parent.span_id:016x}-0{int(parent.is_sampled)}"


def name_of(error: Exception) -> str:
    """Return the class of an error, that of the first one of a group; its text may quote values."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__


def _context_of(place: Place) -> Context:
    context = context_of(place)
    assert context is not None  # noqa: S101 - there is a place
    return context
