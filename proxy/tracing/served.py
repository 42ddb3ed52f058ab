"""Tell of what a front has answered: spans of the kind `server`, below that of the application where it names one."""

import secrets
from collections.abc import Callable, Mapping
from typing import Final

from proxy.tracing.context import Parent
from proxy.tracing.slowness import Slowness
from proxy.tracing.stint import Fact, Role, Stint

_TRACE_BITS: Final = 128
_SPAN_BITS: Final = 64
_RANDOM_BITS: Final = 56
_MASK: Final = (1 << _RANDOM_BITS) - 1


class Served:
    """`put` takes what is told of and never waits; `ratio` is the share of those for which nobody names a span."""

    def __init__(
        self, put: Callable[[Stint], None], *, ratio: float, slow_beyond_s: float = float("inf")
    ) -> None:
        """For whom nobody names a span, some of what takes longer than `slow_beyond_s` is told of as well."""
        self._put = put
        self._below = round(ratio * (1 << _RANDOM_BITS))
        self._slowness = Slowness(slow_beyond_s)

    def begun(self, above: Parent | None) -> Parent:
        """Return the span of what has begun, for those that begin in it, and with whether it is drawn to be told of."""
        span_id = secrets.randbits(_SPAN_BITS)
        if above is not None:
            return Parent(trace_id=above.trace_id, span_id=span_id, is_sampled=above.is_sampled)
        trace_id = secrets.randbits(_TRACE_BITS)
        is_drawn = trace_id & _MASK < self._below
        return Parent(trace_id=trace_id, span_id=span_id, is_sampled=is_drawn)

    def ended(
        self,
        span: Parent,
        name: str,
        facts: Mapping[str, Fact],
        *,
        above: Parent | None,
        began_ns: int,
        seconds: float,
        error: str | None,
        went_wrong: bool,
    ) -> None:
        """Tell of what has ended; always where it `went_wrong`. An `error` may be an answer like others."""
        is_told = span.is_sampled or went_wrong
        # Asked last: what is told of anyway leaves room for others that were slow.
        if not (is_told or (above is None and self._slowness.takes(seconds))):
            return
        self._put(
            Stint(
                trace_id=span.trace_id,
                span_id=span.span_id,
                parent=0 if above is None else above.span_id,
                is_remote=above is not None,
                name=name,
                role=Role.SERVER,
                began_ns=began_ns,
                ended_ns=began_ns + int(seconds * 1e9),
                facts=facts,
                error=error,
            )
        )
