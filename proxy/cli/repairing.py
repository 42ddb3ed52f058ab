"""A repair with all that it needs, for whoever asks for one: documents are chosen, looked at, and made equal or compared again."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Self

from pymongo import AsyncMongoClient

from adapters.gateway import Gateway
from adapters.postgresql.digests import Digests
from adapters.registry import gateway_for
from proxy.jobs.asking import Asking
from proxy.jobs.choice import Chosen, choose, named
from proxy.jobs.collections import legacy_client
from proxy.jobs.overwriting import Overwriting
from proxy.jobs.repair import (
    Identifiers,
    Outcome,
    Planned,
    Side,
    Step,
    carry_out,
    compare,
    plan,
)
from proxy.ledger.access import Access, opened
from proxy.ledger.fillings import Fillings
from proxy.ledger.lookup import close_gone, open_divergences, redaction_of
from proxy.ledger.orders import Orders
from proxy.ledger.redaction import Redaction
from proxy.settings import Settings
from proxy.shadow.legacy import Legacy
from proxy.tracing.stints import Stints
from proxy.uris import redacted_uri

APPLICATION: Final = "parallax-repair"
TO_LEGACY: Final = "(MongoDB was made equal to the gateway)"
"""Stands behind the reason on the ledger."""


class Repair:
    """Chooses documents, and does what is to be done about them."""

    def __init__(
        self,
        access: Access,
        redaction: Redaction,
        client: AsyncMongoClient[Any],
        legacy: Legacy,
        gateway: Gateway,
        ids: Identifiers,
        stints: Stints,
    ) -> None:
        self._stints = stints
        self._access = access
        self._client = client
        self._redaction = redaction
        self._legacy = legacy
        self._gateway = gateway
        self._identifiers = ids

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, stints: Stints | None = None) -> AsyncIterator[Self]:
        """Open ledger and both sides; `stints` tells of what is done in traces, None where nobody is told."""
        uri, dsn = settings.demand("legacy.uri"), settings.demand("gateway.uri")
        async with (
            opened(settings.ledger_uri) as access,
            legacy_client(uri, application=APPLICATION) as client,
            Digests(dsn) as digests,
            gateway_for(dsn, connections=1) as gateway,
        ):
            redaction = await redaction_of(access)
            legacy = Legacy(client, where=redacted_uri(uri))
            identifiers = Identifiers(client, digests, redaction)
            told_to = stints or Stints()
            yield cls(access, redaction, client, legacy, gateway, identifiers, told_to)

    async def chosen(self, collections: Sequence[str], documents: Sequence[str]) -> list[Chosen]:
        """Return the documents that differ in these collections, or others by name."""
        return choose(
            await open_divergences(self._access),
            collections=collections,
            documents=documents,
            redaction=self._redaction,
        )

    async def named(self, namespace: str, names: Sequence[str]) -> list[Chosen]:
        """Return documents by the ledger's names for them, whether they differ or not."""
        return named(await open_divergences(self._access), namespace, names)

    async def plan(self, chosen: Sequence[Chosen], side: Side = Side.GATEWAY) -> list[Planned]:
        """Return what would be done."""
        return await plan(
            chosen,
            identifiers=self._identifiers,
            legacy=self._legacy,
            gateway=self._gateway,
            side=side,
        )

    async def carry_out(
        self, side: Side, planned: Sequence[Planned], *, who: str, why: str
    ) -> Outcome:
        """Do it."""
        if side is Side.GATEWAY:
            asking = Asking(Orders(self._access), who=who, why=why)
            outcome = await carry_out(planned, asking, self._stints)
        else:
            overwriting = Overwriting(
                self._client,
                legacy=self._legacy,
                gateway=self._gateway,
                asking=Asking(Orders(self._access), who=who, why=f"{why} {TO_LEGACY}"),
                fillings=Fillings(self._access),
                stints=self._stints,
            )
            outcome = await overwriting.carry_out(planned)
        await self._close_gone(planned, who=who, why=why)
        return outcome

    async def compare(self, planned: Sequence[Planned], *, who: str, why: str) -> Outcome:
        """Compare them, and change nothing."""
        asking = Asking(Orders(self._access), who=who, why=why)
        outcome = await compare(planned, asking, self._stints)
        await self._close_gone(planned, who=who, why=why)
        return outcome

    async def _close_gone(self, planned: Sequence[Planned], *, who: str, why: str) -> None:
        gone = [each.divergence for each in planned if each.step is Step.GONE]
        names = [(each.namespace, each.document) for each in gone]
        await close_gone(self._access, names, who=who, why=why)


def told(outcome: Outcome, equal: str = "repaired and equal") -> Iterator[str]:
    """Return how it came out, a line for the equal ones and one for each other."""
    yield f"{equal}: {outcome.repaired:,}"
    for (namespace, document), verdict in outcome.others.items():
        yield f"{verdict}: {namespace} {document}"
    for namespace, document in outcome.pending:
        yield f"pending: {namespace} {document}, written all the time; repeat the command when that has an end"
