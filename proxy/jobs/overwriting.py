"""Make documents of MongoDB equal to the gateway's: the way back, for where the gateway is right.

A document is overwritten only as long as MongoDB has it as it was read, and what replaces it was read from the gateway after the
verifier had repeated there everything up to that reading. So no write of the application is lost: where one came in between,
the document is read again. The verifier has the last word, as after every repair.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient
from pymongo.errors import DuplicateKeyError

from adapters.gateway import Gateway
from comparators.canonical import document_key, encode
from comparators.errors import RefusedError
from comparators.verdict import Verdict
from proxy.jobs.asking import Asking
from proxy.jobs.repair import REPAIR, Outcome, Planned, Step, outcome_of, tell
from proxy.ledger.fillings import Fillings, FillingState
from proxy.ledger.orders import OrderKind
from proxy.shadow.legacy import Legacy
from proxy.shadow.mending import AS_REPAIRED
from proxy.tracing.stints import Stints

TRIES: Final = 5
AT_ONCE: Final = 200
PAUSE_S: Final = 0.2
_RAW: Final = CodecOptions(document_class=RawBSONDocument)


class Overwriting:
    """Copies documents from the gateway to MongoDB."""

    def __init__(
        self,
        client: AsyncMongoClient[Any],
        *,
        legacy: Legacy,
        gateway: Gateway,
        asking: Asking,
        fillings: Fillings,
        stints: Stints,
    ) -> None:
        self._stints = stints
        self._client = client
        self._legacy = legacy
        self._gateway = gateway
        self._asking = asking
        self._fillings = fillings

    async def carry_out(self, planned: Sequence[Planned]) -> Outcome:
        """Overwrite documents, have them compared, and return how it came out.

        RefusedError, with nothing changed, where the gateway does not have all of a collection.
        """
        wanted: dict[str, dict[str, Any]] = {}
        for each in planned:
            if each.step is not Step.GONE:
                divergence = each.divergence
                wanted.setdefault(divergence.namespace, {})[divergence.document] = each.identifier
        states = await self._fillings.all()
        for namespace in wanted:
            if states.get(namespace, FillingState.COMPLETE) is not FillingState.COMPLETE:
                raise RefusedError(
                    "the gateway does not have all documents of this collection yet",
                    where=namespace,
                    remedy=f"finish `parallax backfill {namespace}` first",
                )
        outcome = Outcome()
        for namespace, documents in wanted.items():
            with self._stints.doing(REPAIR, namespace) as doing:
                found = await self._all(namespace, documents)
                tell(doing, namespace, found)
            outcome += found
        return outcome

    async def _all(self, namespace: str, documents: Mapping[str, Any]) -> Outcome:
        outcome = Outcome()
        names = list(documents)
        for first in range(0, len(names), AT_ONCE):
            portion = {name: documents[name] for name in names[first : first + AT_ONCE]}
            outcome += await self._some(namespace, portion)
        return outcome

    async def _some(self, namespace: str, documents: Mapping[str, Any]) -> Outcome:
        remaining = dict(documents)
        for _ in range(TRIES):
            remaining = await self._overwrite(namespace, remaining)
            if not remaining:
                break
            await asyncio.sleep(PAUSE_S)
        orders = await self._asking.about(
            OrderKind.COMPARE, namespace, _encoded(documents), more={AS_REPAIRED: True}
        )
        return outcome_of(namespace, orders)

    async def _overwrite(self, namespace: str, documents: Mapping[str, Any]) -> dict[str, Any]:
        """Overwrite what differs, and return what has to be looked at again."""
        identifiers = list(documents.values())
        there = await self._legacy.images(namespace, identifiers)
        # Settled means that the gateway has everything that the reading may hold.
        orders = await self._asking.about(OrderKind.COMPARE, namespace, _encoded(documents))
        verdicts = {
            name: verdict
            for order in orders
            for name, verdict in order.outcome["documents"].items()
        }
        here = await self._gateway.images(namespace, identifiers)
        again: dict[str, Any] = {}
        for name, verdict in verdicts.items():
            identifier = documents[name]
            key = document_key(identifier)
            differs = verdict == Verdict.MISMATCH
            if not differs or not await self._put(
                namespace, identifier, there.get(key), here.get(key)
            ):
                again[name] = identifier
        return again

    async def _put(
        self, namespace: str, identifier: Any, before: bytes | None, image: bytes | None
    ) -> bool:
        """Put an image in the place of another one; False where that is not there any more."""
        database, _, name = namespace.partition(".")
        collection = self._client[database].get_collection(name, codec_options=_RAW)
        if before is None:
            if image is None:
                return True
            try:
                await collection.insert_one(RawBSONDocument(image))
            except DuplicateKeyError:
                return False
            return True
        unchanged = {
            "_id": {"$eq": identifier},
            "$expr": {"$eq": ["$$ROOT", {"$literal": RawBSONDocument(before)}]},
        }
        if image is None:
            return bool((await collection.delete_one(unchanged)).deleted_count)
        try:
            replaced = await collection.replace_one(unchanged, RawBSONDocument(image))
        except DuplicateKeyError:
            return False
        return bool(replaced.matched_count)


def _encoded(documents: Mapping[str, Any]) -> list[bytes]:
    return [encode({"_id": identifier}) for identifier in documents.values()]
