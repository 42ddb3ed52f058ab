"""What a replay cannot know, because only legacy could tell: which documents a doubtful write changed.

A verifier beside a relay reads such documents from legacy again. A replay notes them: from then on a difference that
they may explain is `not_comparable`, and every other one counts. All of it follows from the log and the order of
its writes, so that two replays of one log judge alike.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from adapters.gateway import Gateway
from comparators.canonical import document_key
from comparators.equivalence import EXPIRED
from comparators.errors import UnsupportedError
from comparators.operation import Kind, Operation
from comparators.verdict import Judgement, Verdict
from proxy.ledger.entries import Writer
from proxy.shadow.effects import made_by
from proxy.shadow.evidence import namespaces_of
from proxy.shadow.exchange import Exchange
from proxy.shadow.expiry import Expiries
from proxy.shadow.meanwhile import Meanwhile
from proxy.shadow.patience import Outage
from proxy.shadow.reach import namespaces_of as written_namespaces
from proxy.shadow.reach import selections_of
from proxy.shadow.recheck import Suspect, differing_keys
from proxy.shadow.reconcile import Case
from proxy.shadow.states import Whole

RACED: Final = "ran beside a write, and a replay cannot ask legacy again"
UNKNOWN: Final = "depends on documents whose state the log does not tell"

OVERTAKEN: Final = "later writes were applied before this replay was killed"
EVERYTHING: Final = "*"


class Unknowns:
    """The documents whose state is unknown. Takes the part of reconciler, states and rechecks in a replay."""

    def __init__(
        self, gateway: Gateway, outage: Outage, *, expiries: Expiries, meanwhile: Meanwhile
    ) -> None:
        self._gateway = gateway
        self._outage = outage
        self._expiries = expiries
        self._meanwhile = meanwhile
        self._documents: dict[str, set[bytes]] = defaultdict(set)
        self._collections: set[str] = set()
        self._clocks: set[str] = set()
        self._everything = False
        self._applied: dict[str, int] = {}
        """By collection, the last write that a replay before this one applied and did not account for."""

    def resume(self, namespace: str, position: int) -> None:
        """Note a write that was applied already: what comes before it cannot be asked any more."""
        self._applied[namespace] = max(position, self._applied.get(namespace, 0))

    def __len__(self) -> int:
        return 0

    def lose(self, namespace: str) -> None:
        """Note that any document of a collection may have changed; `*` stands for all collections."""
        self._collections.add(namespace)
        self._everything = self._everything or namespace == EVERYTHING

    def disputes(self, namespace: str) -> str | None:
        """Return why a difference in a collection says nothing, None where it does."""
        unknown = self._is_unknown(namespace) or self._documents.get(namespace)
        return UNKNOWN if unknown else None

    async def open(self, case: Case) -> None:
        """Note the documents that exchanges may have changed on legacy."""
        for exchange in case.exchanges:
            if exchange.writes:
                await self._note(exchange)
        case.done({})

    async def take(self, suspect: Suspect) -> None:
        """Judge a read by the log alone."""
        suspect.decided(await self._judgement(suspect))

    def owe(
        self,
        namespace: str,
        identifiers: Iterable[Any],
        position: int,  # noqa: ARG002 - of the interface
        *,
        excuse: str | None = None,
        generated: bool = False,
        writer: Writer | None = None,  # noqa: ARG002 - of the interface
    ) -> None:
        """Note the documents that a write may have changed in another way than on legacy."""
        if excuse is not None or generated:
            # The gateway's clock stays in these documents: only legacy knows what it stored itself.
            self._documents[namespace].update(map(document_key, identifiers))
        if generated:
            self._clocks.add(namespace)

    def owe_all(self, whole: Whole) -> None:
        """Note a collection that was written as a whole."""
        if whole.excuse is not None or whole.generated:
            self.lose(whole.namespace)

    def awaits_clock(self, namespace: str) -> bool:
        """Return whether a collection holds values of a clock that was not legacy's."""
        return namespace in self._clocks

    def excuse_of(
        self,
        namespace: str,  # noqa: ARG002 - of the interface
        keys: Iterable[bytes] | None,  # noqa: ARG002 - of the interface
    ) -> str | None:
        """Return None: what is unknown is disputed."""
        return None

    def oldest(self, position: int) -> int:
        """Return the position: nothing waits."""
        return position

    def take_unpaid(self) -> dict[str, int]:
        """Return nothing: no state is compared."""
        return {}

    def _is_unknown(self, namespace: str) -> bool:
        database = namespace[: namespace.find(".") + 1]
        return self._everything or not self._collections.isdisjoint({namespace, database})

    async def _note(self, exchange: Exchange) -> None:
        selections = selections_of(exchange.operation)
        if not selections:
            for namespace in written_namespaces(exchange.operation):
                self.lose(namespace)
        for selection in selections:
            try:
                found = await self._matching(selection)
            except UnsupportedError:
                self.lose(selection.namespace)
                continue
            identifiers = [*found, *made_by(exchange), *_inserted(selection)]
            self._documents[selection.namespace].update(map(document_key, identifiers))

    async def _matching(self, selection: Operation) -> Sequence[Any]:
        return await self._outage.endure(lambda: self._gateway.matching_ids(selection))

    async def _judgement(self, suspect: Suspect) -> Judgement:
        reason = await self._excuse(suspect)
        if reason is None:
            return suspect.judgement
        return Judgement(verdict=Verdict.NOT_COMPARABLE, reason=reason)

    async def _excuse(self, suspect: Suspect) -> str | None:
        namespaces = namespaces_of(suspect.footprints)
        began_ns = suspect.exchange.received_ns
        if any(self._applied.get(each, -1) > suspect.exchange.position for each in namespaces):
            return OVERTAKEN
        if self._meanwhile.wrote(namespaces, began_ns, suspect.ended_ns, suspect.ended_at):
            return RACED
        if self._depends_on_unknown(suspect, namespaces):
            return UNKNOWN
        if suspect.operation.kind is not Kind.FIND:
            # A figure does not show which documents are in it.
            for namespace in sorted(namespaces):
                if await self._expiries.holds_expired(namespace, suspect.ended_ns):
                    return EXPIRED
        return None

    def _depends_on_unknown(self, suspect: Suspect, namespaces: frozenset[str]) -> bool:
        disputed = {each for each in namespaces if self.disputes(each) is not None}
        if not disputed or any(map(self._is_unknown, namespaces)):
            return bool(disputed)
        differing = differing_keys(suspect.operation, suspect.legacy, suspect.gateway)
        own = suspect.operation.namespace
        if differing is None or disputed != {own}:
            return True
        return differing <= self._documents[own]


def _inserted(operation: Operation) -> list[Any]:
    if operation.kind is not Kind.INSERT:
        return []
    documents = operation.arguments.get("documents") or ()
    return [document["_id"] for document in documents if "_id" in document]
