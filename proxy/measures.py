"""Every metric of Parallax, declared once.

Label sets are closed or bounded by the application's schema, its flags and its rules; no value of a document is ever a label.
Source of the `db.*` and `http.*` names: OpenTelemetry semantic conventions, "Database client metrics" and "HTTP metrics".
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a metric measures."""

    name: str
    unit: str
    meaning: str
    labels: tuple[str, ...] = ()


DURATION: Final = Declared(
    name="db.client.operation.duration",
    unit="s",
    meaning="How long one side took to answer: legacy as the relay waited, gateway as the verifier waited",
    labels=(
        "db.system.name",
        "db.collection.name",
        "db.operation.name",
        "parallax.side",
        "error.type",
    ),
)
OVERHEAD: Final = Declared(
    name="parallax.overhead",
    unit="s",
    meaning="Time an operation spent inside the relay",
)
COMPARISON: Final = Declared(
    name="parallax.comparison.duration",
    unit="s",
    meaning="Time the comparison of two outcomes took",
)
VERDICTS: Final = Declared(
    name="parallax.verdicts",
    unit="{operation}",
    meaning="Operations judged",
    labels=("parallax.verdict", "db.collection.name", "db.operation.name"),
)
DROPS: Final = Declared(
    name="parallax.drops",
    unit="{operation}",
    meaning="Operations that legacy answered and that were not captured",
    labels=("db.collection.name", "parallax.dropped"),
)
SAMPLED: Final = Declared(
    name="parallax.sampled",
    unit="{operation}",
    meaning="Reads that were left out because the verifier was behind; their verdict is `not_comparable`",
    labels=("db.collection.name",),
)
RECHECKS: Final = Declared(
    name="parallax.rechecks",
    unit="{operation}",
    meaning="Reads of which both sides were asked again because the first answers differed, by what came of it",
    labels=("parallax.verdict", "db.collection.name"),
)
RULE_HITS: Final = Declared(
    name="parallax.rule.hits",
    unit="{operation}",
    meaning="Operations of which a rule excused a difference",
    labels=("parallax.rule", "db.collection.name"),
)
LAG_OPERATIONS: Final = Declared(
    name="parallax.lag.operations",
    unit="{operation}",
    meaning="Operations captured and not yet judged",
)
LAG_TIME: Final = Declared(
    name="parallax.lag.time",
    unit="s",
    meaning="Age of the oldest operation that is not yet judged",
)
LAG_SIZE: Final = Declared(
    name="parallax.lag.size",
    unit="By",
    meaning="Bytes of the capture log that are not yet judged",
)

RELAY_CONNECTIONS: Final = Declared(
    name="parallax.relay.connections",
    unit="{connection}",
    meaning="Connections that the relay holds open for clients",
)
RELAY_REQUESTS: Final = Declared(
    name="parallax.relay.requests",
    unit="{request}",
    meaning="Requests that the relay forwarded, by how they are treated: read, write, gossip, secret or hello",
    labels=("parallax.treatment",),
)
RELAY_REFUSED: Final = Declared(
    name="parallax.relay.refused",
    unit="{connection}",
    meaning="Connections of clients that were not served, or not to their end, and why",
    labels=("parallax.refusal",),
)
RELAY_IO: Final = Declared(
    name="parallax.relay.io",
    unit="By",
    meaning="Bytes that the relay forwarded: request or reply",
    labels=("parallax.direction",),
)
CAPTURE_SIZE: Final = Declared(
    name="parallax.capture.size",
    unit="By",
    meaning="Size of the capture log",
)
CAPTURE_DROPS: Final = Declared(
    name="parallax.capture.drops",
    unit="{operation}",
    meaning="Operations that the relay did not capture since it was started: reads or writes",
    labels=("parallax.dropped",),
)
RELAY_GATEWAY: Final = Declared(
    name="parallax.relay.gateway",
    unit="{operation}",
    meaning="Operations that the gateway was to answer (reads) or to be waited for (writes), by what became of them",
    labels=("parallax.direction", "parallax.outcome"),
)
BREAKER: Final = Declared(
    name="parallax.breaker.open",
    unit="{breaker}",
    meaning="1 while the gateway is left alone because it failed too often, else 0",
    labels=("parallax.direction",),
)

OF_RELAY: Final = (
    RELAY_CONNECTIONS,
    RELAY_REQUESTS,
    RELAY_REFUSED,
    RELAY_IO,
    CAPTURE_SIZE,
    CAPTURE_DROPS,
    RELAY_GATEWAY,
    BREAKER,
)

PHASE: Final = Declared(
    name="parallax.phase",
    unit="1",
    meaning="The share of the connections for which a phase holds; `targeting` where a flag looks at more than the connection",
    labels=("db.collection.name", "parallax.direction", "parallax.phase"),
)
GATE: Final = Declared(
    name="parallax.gate",
    unit="{gate}",
    meaning="1 for the result that a gate has now: pass, fail or inconclusive; without a collection: of the whole ledger",
    labels=("db.collection.name", "parallax.gate", "parallax.result"),
)
DIVERGENT: Final = Declared(
    name="parallax.divergent",
    unit="{document}",
    meaning="Documents that are known to differ now",
    labels=("db.collection.name",),
)
ROLL_BACKS: Final = Declared(
    name="parallax.rollbacks",
    unit="{flag}",
    meaning="Flags that Parallax has set back by itself since the ledger was begun",
    labels=("db.collection.name", "parallax.direction"),
)
FILLING: Final = Declared(
    name="parallax.filling",
    unit="{collection}",
    meaning="1 for the state that a collection with documents from before the sidecar is in: pending, copying, settling or complete",
    labels=("db.collection.name", "parallax.filling"),
)
BACKFILL_CHUNKS: Final = Declared(
    name="parallax.backfill.chunks",
    unit="{chunk}",
    meaning="Chunks of a collection that is being filled: merged, or left to do",
    labels=("db.collection.name", "parallax.chunks"),
)
BACKFILL_DOCUMENTS: Final = Declared(
    name="parallax.backfill.documents",
    unit="{document}",
    meaning="Documents of a collection that is being filled which are merged",
    labels=("db.collection.name",),
)
SWEEP_CHUNKS: Final = Declared(
    name="parallax.sweep.chunks",
    unit="{chunk}",
    meaning="Chunks of a collection: swept within `gates.max_sweep_age_s`, or due",
    labels=("db.collection.name", "parallax.chunks"),
)
SWEEP_AGE: Final = Declared(
    name="parallax.sweep.age",
    unit="s",
    meaning="Age of the chunk that was swept longest ago; none while one was never swept",
    labels=("db.collection.name",),
)
SWEEP_DIFFERING: Final = Declared(
    name="parallax.sweep.differing",
    unit="{document}",
    meaning="Documents that differed when their chunk was last swept",
    labels=("db.collection.name",),
)

OF_LEDGER: Final = (
    PHASE,
    GATE,
    DIVERGENT,
    ROLL_BACKS,
    FILLING,
    BACKFILL_CHUNKS,
    BACKFILL_DOCUMENTS,
    SWEEP_CHUNKS,
    SWEEP_AGE,
    SWEEP_DIFFERING,
)

MIRROR_NOTES: Final = Declared(
    name="parallax.mirror.notes",
    unit="{write}",
    meaning="Writes that MongoDB lacks after the cut-over",
)
MIRROR_LAG: Final = Declared(
    name="parallax.mirror.lag",
    unit="s",
    meaning="Age of the oldest write that MongoDB lacks after the cut-over",
)

HTTP_SERVED: Final = Declared(
    name="http.server.request.duration",
    unit="s",
    meaning="How long the HTTP API took to answer, told by its own process",
    labels=("http.request.method", "http.route", "http.response.status_code"),
)
COMMAND_SERVED: Final = Declared(
    name="parallax.serving.duration",
    unit="s",
    meaning="How long `parallax gateway` took to answer a command of a driver, told by its own process",
    labels=("db.operation.name", "error.type"),
)
SEARCHES_COMPARED: Final = Declared(
    name="parallax.searches.compared",
    unit="{search}",
    meaning="Searches of the HTTP API that engine and database both made, by what the comparison came to",
    labels=("parallax.verdict", "db.collection.name"),
)
OF_FRONTS: Final = (HTTP_SERVED, COMMAND_SERVED, SEARCHES_COMPARED)
EXPORT_DROPS: Final = Declared(
    name="parallax.telemetry.drops",
    unit="{item}",
    meaning="Traces and log lines that did not reach the collector",
    labels=("parallax.signal",),
)

DURATIONS: Final = (DURATION, OVERHEAD, COMPARISON)
METRICS: Final = (
    *DURATIONS,
    VERDICTS,
    DROPS,
    SAMPLED,
    RECHECKS,
    RULE_HITS,
    LAG_OPERATIONS,
    LAG_TIME,
    LAG_SIZE,
    *OF_RELAY,
    *OF_LEDGER,
    MIRROR_NOTES,
    MIRROR_LAG,
    *OF_FRONTS,
    EXPORT_DROPS,
)
