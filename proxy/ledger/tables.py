"""The tables of the ledger. Numbers are kept per minute, so that any window can be added up.

Rows that a batch adds to have keys computed from what they mean (`shape_key`, `group_key`): the writer never
has to ask the database for one.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine

NANOSECONDS_PER_MINUTE: Final = 60_000_000_000
NANOSECONDS_PER_SECOND: Final = 1_000_000_000

_BIG: Final = BigInteger().with_variant(Integer(), "sqlite")
_TEXT: Final = Text()

ledger: Final = MetaData()


def _key(name: str, of_type: TypeEngine[Any] = _TEXT) -> Column[Any]:
    return Column(name, of_type, primary_key=True, autoincrement=False)


def _number(name: str) -> Column[int]:
    return Column(name, _BIG, nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _text_or_empty(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


meta: Final = Table("meta", ledger, _key("name"), _text("value"))

shapes: Final = Table(
    "shapes",
    ledger,
    _key("shape", _BIG),
    _text("namespace"),
    _text("kind"),
    _text("shape_id"),
    _text("text"),
    _number("first_ns"),
    _number("last_ns"),
)

counts: Final = Table(
    "counts",
    ledger,
    _key("minute", _BIG),
    _key("shape", _BIG),
    _key("verdict"),
    _number("n"),
)

answers: Final = Table(
    "answers",
    ledger,
    _key("minute", _BIG),
    _key("shape", _BIG),
    _key("answered"),
    _number("n"),
)

plans: Final = Table(
    "plans",
    ledger,
    _key("shape", _BIG),
    _number("at_ns"),
    Column("gateway_s", Float, nullable=False),
    _text("plan"),
    _text_or_empty("legacy_plan"),
)

latencies: Final = Table(
    "latencies",
    ledger,
    _key("minute", _BIG),
    _key("shape", _BIG),
    _key("side"),
    Column("sketch", LargeBinary, nullable=False),
)

groups: Final = Table(
    "groups",
    ledger,
    _key("group", _BIG),
    _number("shape"),
    _text("fingerprint"),
    _text("verdict"),
    _text("path"),
    _text("change"),
    _text("reason"),
    _number("first_ns"),
    _number("last_ns"),
)

group_counts: Final = Table(
    "group_counts", ledger, _key("minute", _BIG), _key("group", _BIG), _number("n")
)

samples: Final = Table(
    "samples",
    ledger,
    _key("group", _BIG),
    _key("ordinal", _BIG),
    _number("at_ns"),
    _text("log"),
    _number("position"),
    _text("sample"),
)

reasons: Final = Table(
    "reasons",
    ledger,
    _key("minute", _BIG),
    _key("shape", _BIG),
    _key("verdict"),
    _key("reason"),
    _number("n"),
)

rule_hits: Final = Table(
    "rule_hits",
    ledger,
    _key("minute", _BIG),
    _key("rule"),
    _key("namespace"),
    _number("n"),
)

drops: Final = Table(
    "drops",
    ledger,
    _key("minute", _BIG),
    _key("namespace"),
    _key("what"),
    _key("reason"),
    _number("n"),
)

events: Final = Table(
    "events",
    ledger,
    _key("kind"),
    _key("log"),
    _key("position", _BIG),
    _key("at_ns", _BIG),
    Column("until_ns", _BIG, nullable=True),
    _text("namespace"),
    _number("n"),
    _text("detail"),
)

divergence: Final = Table(
    "divergence",
    ledger,
    _key("namespace"),
    _key("document"),
    _text("cause"),
    _text("state"),
    _number("since_ns"),
    _number("changed_ns"),
    _text("log"),
    _number("position"),
    _text_or_empty("differences"),
    _text_or_empty("who"),
    _text_or_empty("why"),
    _text_or_empty("written_by"),
    _text_or_empty("writer"),
)

orders: Final = Table(
    "orders",
    ledger,
    Column("id", _BIG, primary_key=True, autoincrement=True),
    _text("kind"),
    _text("namespace"),
    Column("payload", LargeBinary, nullable=False),
    _text("who"),
    _text("why"),
    _number("asked_ns"),
    _text("state"),
    _text("log"),
    _text("outcome"),
    Column("done_ns", _BIG, nullable=True),
)
Index("orders_by_state", orders.c.state)

sweeps: Final = Table(
    "sweeps",
    ledger,
    _key("namespace"),
    _key("chunk", _BIG),
    _number("swept_ns"),
    _number("documents"),
    _number("differing"),
    _number("uncompared"),
)

fillings: Final = Table(
    "fillings",
    ledger,
    _key("namespace"),
    _text("state"),
    _number("changed_ns"),
)

backfills: Final = Table(
    "backfills",
    ledger,
    _key("namespace"),
    _text("owner"),
    _number("at_ns"),
)

chunks: Final = Table(
    "chunks",
    ledger,
    _key("namespace"),
    _key("ordinal", _BIG),
    Column("lower", LargeBinary, nullable=True),
    Column("upper", LargeBinary, nullable=True),
    Column("documents", _BIG, nullable=True),
)

flag_changes: Final = Table(
    "flag_changes",
    ledger,
    Column("id", _BIG, primary_key=True, autoincrement=True),
    _number("at_ns"),
    _text("direction"),
    _text("namespace"),
    _text("before"),
    _text("after"),
    _text("who"),
    _text("why"),
    _number("forced"),
    _text("evidence"),
)

searches: Final = Table(
    "searches",
    ledger,
    _key("minute", _BIG),
    _key("namespace"),
    _key("verdict"),
    _key("aspect"),
    _key("reason"),
    _key("writer"),
    _number("n"),
)

search_differences: Final = Table(
    "search_differences",
    ledger,
    _key("writer"),
    _key("ordinal", _BIG),
    _number("at_ns"),
    _text("namespace"),
    _text("aspect"),
    _text("reason"),
    _text("sample"),
)
Index("search_differences_by_time", search_differences.c.at_ns)

checkpoints: Final = Table(
    "checkpoints",
    ledger,
    _key("log"),
    _number("position"),
    _number("at_ns"),
    _text("open"),
    _text("batch"),
)

flushes: Final = Table(
    "flushes",
    ledger,
    _key("second", _BIG),
    _number("seen"),
    _number("verified"),
    _number("mismatched"),
    _number("lag_operations"),
    Column("lag_s", Float, nullable=False),
    _number("lag_bytes"),
)

heartbeats: Final = Table(
    "heartbeats",
    ledger,
    _key("part"),
    _number("started_ns"),
    _number("at_ns"),
    _number("lag_operations"),
    Column("lag_s", Float, nullable=False),
    _number("lag_bytes"),
)


@lru_cache(maxsize=4096)
def shape_key(namespace: str, shape_id: str) -> int:
    """Return the key of a shape within a collection: asked for by each finding, of a few shapes."""
    return _number_of(namespace, shape_id)


def group_key(fingerprint: str, verdict: str, shape: int) -> int:
    """Return the key of a group of mismatches."""
    return _number_of(fingerprint, verdict, str(shape))


def _number_of(*parts: str) -> int:
    digest = blake2b("\0".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1
