"""Make documents that differ equal again: which ones, what that means, and how it came out.

The ledger knows most `_id`s by a digest only. Those are found by a walk over the `_id`s of both sides.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import structlog
from bson import ObjectId
from pymongo import AsyncMongoClient

from adapters.gateway import Gateway
from adapters.postgresql.digests import Digests
from comparators.canonical import CODEC, MISSING, document_key, encode
from comparators.verdict import Verdict
from proxy.jobs.asking import Asking
from proxy.jobs.choice import Chosen
from proxy.ledger.lookup import OpenDivergence
from proxy.ledger.orders import Order, OrderKind
from proxy.ledger.redaction import Redaction
from proxy.shadow.legacy import Legacy
from proxy.tracing.stints import Doing, Stints

_log = structlog.get_logger()

_IMAGES_AT_ONCE: Final = 500
REPAIR: Final = "repair"
_NAMES: Final = {OrderKind.MEND: REPAIR, OrderKind.COMPARE: "recheck"}
"""What spans are called that hold an order about documents."""


class Side(StrEnum):
    """The side that a repair makes equal to the other one."""

    GATEWAY = "gateway"
    LEGACY = "legacy"


class Step(StrEnum):
    """What a repair does to a document of that side, as both sides are now."""

    REPLACE = "replace it"
    INSERT = "insert it"
    DELETE = "delete it"
    NOTHING = "nothing: equal by now"
    GONE = "nothing: on neither side any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One document to repair; `identifier` is None where its `_id` is not known, as on no side it is there."""

    divergence: OpenDivergence
    step: Step
    identifier: Any = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How many documents are equal now, and the verdict on each other one by namespace and redacted `_id`.

    `pending` are those that were written all the time.
    """

    repaired: int = 0
    others: Mapping[tuple[str, str], str] = field(default_factory=dict)
    pending: tuple[tuple[str, str], ...] = ()

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            repaired=self.repaired + other.repaired,
            others={**self.others, **other.others},
            pending=self.pending + other.pending,
        )


class Identifiers:
    """Finds the `_id`s behind redacted ones."""

    def __init__(
        self, client: AsyncMongoClient[Any], digests: Digests, redaction: Redaction
    ) -> None:
        self._client = client
        self._digests = digests
        self._redaction = redaction

    async def of(self, namespace: str, chosen: Iterable[Chosen]) -> dict[str, Any]:
        """Return the `_id`s of documents of a collection by their names, as far as a side has them."""
        names = {each.divergence.document: each.identifier for each in chosen}
        found = {
            name: ObjectId(name) if identifier is MISSING else identifier
            for name, identifier in names.items()
            if identifier is not MISSING or ObjectId.is_valid(name)
        }
        for side in (self._on_legacy(namespace), self._digests.every_identifier(namespace)):
            if found.keys() == names.keys():
                break
            async for identifier in side:
                name = self._redaction.document(namespace, identifier)
                if name in names:
                    found[name] = identifier
        return found

    async def _on_legacy(self, namespace: str) -> AsyncIterator[Any]:
        database, _, name = namespace.partition(".")
        collection = self._client[database].get_collection(name, codec_options=CODEC)
        # The index alone answers.
        async for each in collection.find({}, {"_id": 1}).hint([("_id", 1)]):
            yield each["_id"]


async def plan(
    chosen: Sequence[Chosen],
    *,
    identifiers: Identifiers,
    legacy: Legacy,
    gateway: Gateway,
    side: Side = Side.GATEWAY,
) -> list[Planned]:
    """Return what would be done about documents of a side."""
    planned: list[Planned] = []
    for namespace in dict.fromkeys(each.divergence.namespace for each in chosen):
        inside = [each for each in chosen if each.divergence.namespace == namespace]
        known = await identifiers.of(namespace, inside)
        right, wrong = (legacy, gateway) if side is Side.GATEWAY else (gateway, legacy)
        steps = await _steps(namespace, known, right=right, wrong=wrong)
        planned += [
            Planned(
                divergence=each.divergence,
                step=steps.get(each.divergence.document, Step.GONE),
                identifier=known.get(each.divergence.document),
            )
            for each in inside
        ]
    return planned


async def carry_out(planned: Sequence[Planned], asking: Asking, stints: Stints) -> Outcome:
    """Have documents of the gateway repaired, and return how it came out."""
    return await _done(OrderKind.MEND, planned, asking, stints)


async def compare(planned: Sequence[Planned], asking: Asking, stints: Stints) -> Outcome:
    """Have documents compared once more, and return how it came out: `repaired` are those that are equal."""
    return await _done(OrderKind.COMPARE, planned, asking, stints)


async def _done(
    kind: OrderKind, planned: Sequence[Planned], asking: Asking, stints: Stints
) -> Outcome:
    outcome = Outcome()
    for namespace in dict.fromkeys(each.divergence.namespace for each in planned):
        identifiers = [
            encode({"_id": each.identifier})
            for each in planned
            if each.divergence.namespace == namespace and each.step is not Step.GONE
        ]
        with stints.doing(_NAMES[kind], namespace) as doing:
            found = outcome_of(namespace, await asking.about(kind, namespace, identifiers))
            tell(doing, namespace, found)
        outcome += found
    return outcome


def tell(doing: Doing, namespace: str, outcome: Outcome) -> None:
    """Tell how it came out for the documents of a collection."""
    doing.facts |= {
        "parallax.documents.match": outcome.repaired,
        "parallax.documents.mismatch": len(outcome.others),
        "parallax.documents.not_comparable": len(outcome.pending),
    }
    if outcome.others:
        doing.error = Verdict.MISMATCH.value
    _log.info(
        "documents_compared",
        collection=namespace,
        equal=outcome.repaired,
        differing=len(outcome.others),
    )


def outcome_of(namespace: str, orders: Iterable[Order]) -> Outcome:
    """Return how orders about documents of a collection came out."""
    repaired = 0
    others: dict[tuple[str, str], str] = {}
    pending: list[tuple[str, str]] = []
    for order in orders:
        verdicts, busy = order.outcome["verdicts"], order.outcome["busy"]
        repaired += verdicts.get(Verdict.MATCH, 0) + verdicts.get(Verdict.MATCH_BY_RULE, 0)
        pending += [(namespace, name) for name in busy]
        others |= {
            (namespace, name): verdict
            for name, verdict in order.outcome["documents"].items()
            if name not in busy
        }
    return Outcome(repaired=repaired, others=others, pending=tuple(pending))


async def _steps(
    namespace: str, known: Mapping[str, Any], *, right: Legacy | Gateway, wrong: Legacy | Gateway
) -> dict[str, Step]:
    steps: dict[str, Step] = {}
    names = list(known)
    for first in range(0, len(names), _IMAGES_AT_ONCE):
        portion = {name: known[name] for name in names[first : first + _IMAGES_AT_ONCE]}
        wanted = await right.images(namespace, list(portion.values()))
        found = await wrong.images(namespace, list(portion.values()))
        for name, identifier in portion.items():
            key = document_key(identifier)
            steps[name] = _step(wanted.get(key), found.get(key))
    return steps


def _step(wanted: bytes | None, found: bytes | None) -> Step:
    if wanted == found:
        return Step.NOTHING
    if wanted is None:
        return Step.DELETE
    return Step.INSERT if found is None else Step.REPLACE
