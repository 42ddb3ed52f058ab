"""The instruments of the metrics that `proxy.measures` declares, every log event, and the set-up of logging.

Where metrics go is set by `telemetry.…` (`proxy.exporters`), else by whoever installs OpenTelemetry's global meter
provider; without either nothing is exported, and next to nothing spent. Label sets are closed or bounded by the application's schema; no value
of a document is ever a label or a field of a log line.
Source of the `db.*` names: OpenTelemetry semantic conventions, "Database client metrics".
"""

import logging
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TextIO

import structlog
from opentelemetry.metrics import Histogram, Meter, get_meter
from opentelemetry.trace import get_current_span
from structlog.typing import EventDict, WrappedLogger

from comparators.errors import ParallaxError
from comparators.operation import Kind
from comparators.verdict import Verdict
from proxy.distributions import BOUNDS_S, Distributions
from proxy.measures import (
    COMPARISON,
    DROPS,
    DURATION,
    DURATIONS,
    LAG_OPERATIONS,
    LAG_SIZE,
    LAG_TIME,
    MIRROR_LAG,
    MIRROR_NOTES,
    OVERHEAD,
    RECHECKS,
    RULE_HITS,
    SAMPLED,
    VERDICTS,
    Declared,
)
from proxy.settings_sections import LogFormat, LogLevel
from proxy.tracing.exemplar import Place, context_of, named
from proxy.tracing.trail import Ids

_NOWHERE: Final = (None, None, None)
_BELOW_WARNING: Final = frozenset({LogLevel.DEBUG.value, LogLevel.INFO.value})

SYSTEMS: Final[Mapping[str, str]] = {"legacy": "mongodb", "gateway": "postgresql"}
"""`db.system.name` of the two sides."""


EVENTS: Final[Mapping[str, str]] = {
    "bug": "Something happened that Parallax does not foresee; the traceback says where",
    "brake_broken": "What roll-backs hold back cannot be read or written; MongoDB answers what it may concern",
    "cache_bypassed": "What the HTTP API reads through the relay is being verified; the cache is asked nothing",
    "cache_hides_reads": "The cache answers reads that are to be verified, as `cache.while_verifying` says; those it answers are not",
    "cache_used": "Nothing that the HTTP API reads is verified any more; the cache is used",
    "capture_failing": "The capture log cannot be written; what is lost meanwhile is counted",
    "capture_full": "The capture log has reached its limit; reads are dropped first",
    "capture_resumed": "Records are written again",
    "capture_shedding": "Reads are dropped to keep room for writes",
    "chunk_failed": "A task on a piece of a collection failed; it is run again",
    "client_left": "A client's connection broke",
    "connection_refused": "A client was turned away: too many connections, or draining",
    "collection_filled": "`parallax backfill` has copied a collection",
    "collection_swept": "`parallax sweep` has compared a collection",
    "conversation_ended": "A client connection was closed because the primary changed, or because its login means nothing on the other side of a cut-over",
    "conversation_failed": "A bug closed one client connection",
    "crossed": "Everybody is on the other side: after the cut-over on PostgreSQL, on the way back on MongoDB",
    "crossing_failed": "A bug kept the relay from looking whether to cut over; everybody stays where they are, and it looks again",
    "crossing_waits": "The relay has not followed the flags to the other side yet, and says why; it tries again",
    "documents_compared": "`parallax repair` has made documents equal, or somebody had them compared again",
    "drain_cut_short": "Clients were cut off at the end: what they had asked took too long",
    "export_failed": "Metrics did not reach their destination; the next ones are tried in their time",
    "figures_not_read": "How gates, jobs and flags stand cannot be read for the metrics; it is tried again",
    "flag_failed": "A flag cannot be evaluated, or says what is not built; its collections are in `shadow`",
    "flag_moved": "`parallax rollout` has moved a collection a step on",
    "flags_broken": "The flags file cannot be read; what was read last stays in force",
    "flags_provider_failed": "The provider of the flags cannot be had; everything is in `shadow`, and it is tried again",
    "flags_provider_ready": "The provider of the flags is there, and holds from here on",
    "flags_read": "The flags file was read, and holds from here on",
    "gateway_ended": "The process that answers reads from the gateway ended and is started again; MongoDB answers meanwhile",
    "gateway_failed": "A bug ended one operation on the gateway; its verdict is gateway_error",
    "gateway_not_reached": "A bug kept a conversation from the process that answers reads; MongoDB answers",
    "http_ended": "The process of the HTTP API ended and is started again",
    "http_failed": "A bug ended one request of the HTTP API; its client was answered with 500",
    "http_listening": "The HTTP API can be called",
    "latencies_kept_by_minute": "Latencies of a past day wait for a ledger that does not answer",
    "legacy_unreachable": "A client connection found no MongoDB to go to",
    "login_failed": "A client did not prove that it knows the password of its user",
    "marks_kept": "Marks of applied writes wait for a gateway that does not answer",
    "mismatch_confirmed": "A difference survived its recheck",
    "mirror_ended": "The process that keeps MongoDB current after the cut-over ended and is started again",
    "mirror_refused": "MongoDB does not take what PostgreSQL holds; it is tried again, and there is no way back until then",
    "order_failed": "Something that the verifier was asked to do cannot be done; the order says why",
    "outcome_not_taken": "A bug ended the connection on which the verifier tells of writes; MongoDB's answers are given until it is back",
    "peer_back": "A database or the ledger answers again",
    "peer_lost": "A database or the ledger does not answer; Parallax retries with backoff",
    "primary_changed": "The replica set has another primary",
    "record_skipped": "A record of the capture log cannot be read; it is counted",
    "relay_listening": "Applications can connect",
    "relay_not_announced": "Other sidecars do not know of this one yet; the application is let in all the same",
    "relay_not_understood": "The relay asked the verifier what it does not know: they are of different versions",
    "roll_back_failed": "A flag should have been set back and the file cannot be changed; MongoDB answers everything until the verifier is started again",
    "rolled_back": "The flag of a collection was set back to `shadow` because the evidence turned bad",
    "rules_broken": "The rules file was changed and is broken, or holds a rule that has expired: the rules before it stay in force until it is corrected",
    "rules_read": "The rules file was changed: from here on its rules are in force",
    "search_differs": "Engine and database find different documents for the same words, or rank them differently, and nothing explains it",
    "searches_not_entered": "What comparisons of searches came to cannot be entered on the ledger; it is kept within bounds, and entered later",
    "server_ended": "The process that answers in place of MongoDB ended and is started again",
    "serving": "Drivers can connect to `parallax gateway`",
    "serving_failed": "A command ended with an error that Parallax does not foresee; its client was told so",
    "sidecar_joined": "Another sidecar works on this gateway; from here on both keep MongoDB's order",
    "sidecar_ready": "All other sidecars wait for this one; what they had gone past before is late",
    "sidecar_silent": "Another sidecar was silent for too long; what it has not applied is missing until it is back",
    "application_not_noted": "The relay could not tell the verifier which application speaks on a connection",
    "status_not_written": "The relay could not tell `parallax status` how it is",
    "tidying_failed": "Expired cursors, transactions or documents are looked after later",
    "verifier_ended": "The verifier process ended and is started again",
    "verifier_not_heard": "No socket for the verifier could be made: no write waits for the gateway",
    "verifier_refused": "The verifier cannot work as things are set up; nothing is verified until the remedy is applied",
    "wire_error": "A peer broke the MongoDB wire protocol; its one connection was closed",
}
"""What each log event means."""


class _Series(Protocol):
    """Durations of one metric under one set of labels."""

    def record(self, seconds: float, place: Place | None = None) -> None:
        """Add one duration; `place` is where a trace tells of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfSdk:
    """A series of the SDK's own histogram."""

    histogram: Histogram
    labels: Mapping[str, str]

    def record(self, seconds: float, place: Place | None = None) -> None:
        self.histogram.record(seconds, self.labels, context_of(place))


class Metrics:
    """The instruments. Made without a meter they report to the global provider.

    With `distributions` durations are added up there, without by the SDK's own histograms.
    """

    def __init__(
        self, meter: Meter | None = None, distributions: Distributions | None = None
    ) -> None:
        given = self.meter = meter or get_meter("parallax")
        self._histograms: dict[str, Histogram] = {}
        self._distributions = distributions
        if distributions is None:
            self._histograms = {
                declared.name: given.create_histogram(
                    declared.name,
                    declared.unit,
                    declared.meaning,
                    explicit_bucket_boundaries_advisory=BOUNDS_S,
                )
                for declared in DURATIONS
            }
        self._sides: dict[tuple[str, str, Kind, str], _Series] = {}
        self._overhead, self._comparison = (self._series(one, {}) for one in (OVERHEAD, COMPARISON))
        self._verdicts, self._drops, self._sampled, self._rechecks, self._rule_hits = (
            given.create_counter(declared.name, declared.unit, declared.meaning)
            for declared in (VERDICTS, DROPS, SAMPLED, RECHECKS, RULE_HITS)
        )
        self._lag_operations, self._lag_time, self._lag_size = (
            given.create_gauge(declared.name, declared.unit, declared.meaning)
            for declared in (LAG_OPERATIONS, LAG_TIME, LAG_SIZE)
        )
        self._mirror_notes, self._mirror_lag = (
            given.create_gauge(declared.name, declared.unit, declared.meaning)
            for declared in (MIRROR_NOTES, MIRROR_LAG)
        )

    def judged(
        self, *, verdict: Verdict, collection: str, kind: Kind, n: int, trace: Ids | None = None
    ) -> None:
        """Count operations with their verdict; `trace` tells of one of them."""
        labels = {
            "parallax.verdict": verdict.value,
            "db.collection.name": collection,
            "db.operation.name": kind.value,
        }
        self._verdicts.add(n, labels, context_of(None if trace is None else trace.verdict))

    def sampled(self, *, collection: str, n: int) -> None:
        """Count reads that were left out."""
        self._sampled.add(n, {"db.collection.name": collection})

    def rechecked(self, *, verdict: Verdict, collection: str, n: int) -> None:
        """Count reads that were asked again, with what came of it."""
        labels = {"parallax.verdict": verdict.value, "db.collection.name": collection}
        self._rechecks.add(n, labels)

    def excused(self, *, rule: str, collection: str, n: int) -> None:
        """Count operations of which a rule excused a difference."""
        self._rule_hits.add(n, {"parallax.rule": rule, "db.collection.name": collection})

    def timed(
        self,
        *,
        collection: str,
        kind: Kind,
        legacy_s: float | None,
        gateway_s: float | None,
        overhead_s: float | None,
        compare_s: float | None,
        legacy_error: str = "",
        gateway_error: str = "",
        trace: Ids | None = None,
    ) -> None:
        """Enter the durations of one operation, None where a side did not run; `trace` tells of it. An error is empty where there was none."""
        legacy, gateway, verdict = _NOWHERE if trace is None else trace.places
        if legacy_s is not None:
            self._side("legacy", collection, kind, legacy_error).record(legacy_s, legacy)
        if gateway_s is not None:
            self._side("gateway", collection, kind, gateway_error).record(gateway_s, gateway)
        if overhead_s is not None:
            self._overhead.record(overhead_s, legacy)
        if compare_s is not None:
            self._comparison.record(compare_s, verdict)

    def _side(self, side: str, collection: str, kind: Kind, error: str) -> _Series:
        key = (side, collection, kind, error)
        series = self._sides.get(key)
        if series is None:
            labels = {
                "db.system.name": SYSTEMS[side],
                "parallax.side": side,
                "db.collection.name": collection,
                "db.operation.name": kind.value,
            }
            if error:
                labels["error.type"] = error
            series = self._sides[key] = self._series(DURATION, labels)
        return series

    def _series(self, declared: Declared, labels: Mapping[str, str]) -> _Series:
        if self._distributions is not None:
            return self._distributions.of(declared.name, labels)
        return _OfSdk(histogram=self._histograms[declared.name], labels=labels)

    def dropped(self, *, collection: str, what: str, n: int) -> None:
        """Count operations that were not captured; `what` is reads or writes."""
        self._drops.add(n, {"db.collection.name": collection, "parallax.dropped": what})

    def mirror(self, *, notes: int, seconds: float) -> None:
        """Set what MongoDB lacks after the cut-over."""
        self._mirror_notes.set(notes)
        self._mirror_lag.set(seconds)

    def lag(self, *, operations: int, seconds: float, size_bytes: int) -> None:
        """Set how far the verifier is behind."""
        self._lag_operations.set(operations)
        self._lag_time.set(seconds)
        self._lag_size.set(size_bytes)


def configure_logging(
    level: LogLevel,
    form: LogFormat,
    *,
    part: str,
    stream: TextIO | None = None,
    is_quiet: bool = False,
) -> None:
    """Write the log of this process to stderr (or `stream`), each line with the `part` that wrote it.

    One that `is_quiet` writes nothing below a warning there, for somebody looks at what it prints; a collector has all.
    """
    target = stream or sys.stderr
    render = structlog.processors.JSONRenderer() if form is LogFormat.JSON else _console(target)
    if is_quiet:
        render = _warnings_alone(render)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _part(part),
            describe_exception,
            name_span,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )


def describe_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace an exception by its types and frames.

    The messages of drivers quote values ("Key (email)=(…) already exists"), so that only those of our own errors
    are kept.
    """
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exception()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["exception"] = _described(error)
    return event


def name_span(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add the current span, where there is one and the line names no other."""
    current = get_current_span().get_span_context()
    if current.is_valid:
        for name, number in named(Place(current.trace_id, current.span_id)).items():
            event.setdefault(name, number)
    return event


def _described(error: BaseException) -> str:
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    head = f"{name}: {error.what}" if isinstance(error, ParallaxError) else name
    lines = [head, *traceback.format_tb(error.__traceback__)]
    if isinstance(error, BaseExceptionGroup):
        lines += [_described(one) for one in error.exceptions]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        lines += ["because of", _described(cause)]
    return "\n".join(line.rstrip() for line in lines)


def _part(part: str) -> structlog.typing.Processor:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {"part": part, **event}

    return add


def _warnings_alone(render: structlog.typing.Processor) -> structlog.typing.Processor:
    def quiet(logger: WrappedLogger, method: str, event: EventDict) -> Any:
        if event["level"] in _BELOW_WARNING:
            raise structlog.DropEvent
        return render(logger, method, event)

    return quiet


def _console(target: TextIO) -> structlog.typing.Processor:
    return structlog.dev.ConsoleRenderer(colors=target.isatty())


_LEVELS: Final[Mapping[LogLevel, int]] = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}
