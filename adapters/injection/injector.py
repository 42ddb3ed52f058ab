"""A gateway around a gateway that damages on purpose and keeps a record.

Every operation runs on the damaged gateway and on an undamaged twin. What the two answer or hold differently
is what the injected defects can be seen by.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from adapters.gateway import (
    Applied,
    Expiry,
    Footprint,
    Gateway,
    Generated,
    Mark,
    Staged,
    Transaction,
)
from adapters.injection.answers import ANSWERS, damaged_answer
from adapters.injection.plan import DefectKind, Injection
from adapters.injection.record import DefectRecord, Entry, EntryKind, digest_of
from adapters.injection.store import StoredDamage
from comparators.canonical import document_key, encode
from comparators.errors import RefusedError
from comparators.operation import Kind, Operation
from comparators.outcome import Documents, Outcome, Result, Values

_WRITES: Final = frozenset({Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.FIND_AND_MODIFY})


class Injector:
    """Fulfil `adapters.gateway.Gateway`, wrongly now and then."""

    def __init__(
        self, damaged: Gateway, twin: Gateway, injection: Injection, record: DefectRecord
    ) -> None:
        self._damaged = damaged
        self._twin = twin
        self._injection = injection
        self._record = record
        self._stored = StoredDamage(damaged, twin, injection, record)
        self._answered: dict[str, Entry] = {}

    async def run(
        self, operation: Operation, *, generated: Generated, mark: Mark | None = None
    ) -> Outcome:
        """Run one operation on both gateways; return the damaged one's answer, perhaps damaged further."""
        outcome = await self._damaged.run(operation, generated=generated, mark=mark)
        clean = await self._twin.run(operation, generated=generated, mark=mark)
        differs = self._note_consequence(operation, outcome, clean)
        if operation.kind in _WRITES:
            touched = (*outcome.touched, *clean.touched)
            await self._stored.after_write(operation.namespace, touched, all_suspect=differs)
        return self._damage_answer(operation, outcome, mark)

    @asynccontextmanager
    async def transaction(
        self, mark: Mark | None = None, *, isolated: bool = False
    ) -> AsyncIterator[Transaction]:
        """Open a transaction on both; stored documents are damaged after the commit."""
        async with (
            self._twin.transaction(mark, isolated=isolated) as twin,
            self._damaged.transaction(mark, isolated=isolated) as damaged,
        ):
            both = _Both(self, damaged, twin)
            yield both
        for namespace, identifiers, differs in both.writes:
            await self._stored.after_write(namespace, identifiers, all_suspect=differs)

    async def applied(self, mark: Mark) -> bool:
        return await self._damaged.applied(mark)

    async def reachable(self) -> None:
        await self._damaged.reachable()

    async def namespaces(self) -> Sequence[tuple[str, str]]:
        return await self._damaged.namespaces()

    async def marked(self, beginning: str) -> Mapping[str, int]:
        return await self._damaged.marked(beginning)

    async def expire(
        self, namespace: str, *, now_ms: int, grace_s: int = 0, mark: Mark | None = None
    ) -> Sequence[Any]:
        await self._twin.expire(namespace, now_ms=now_ms, grace_s=grace_s, mark=mark)
        return await self._damaged.expire(namespace, now_ms=now_ms, grace_s=grace_s, mark=mark)

    async def forget_marks(self, log: str, *, below: int) -> None:
        await self._damaged.forget_marks(log, below=below)
        await self._twin.forget_marks(log, below=below)

    async def forgo(self, mark: Mark) -> None:
        await self._damaged.forgo(mark)
        await self._twin.forgo(mark)

    async def unforgotten(self, log: str) -> Sequence[Applied]:
        return await self._damaged.unforgotten(log)

    @property
    def definitions(self) -> int:
        return self._damaged.definitions

    def redefined(self) -> None:
        self._damaged.redefined()

    def footprint(self, operation: Operation) -> tuple[Footprint, ...]:
        return self._damaged.footprint(operation)

    async def images(self, namespace: str, ids: Sequence[Any]) -> Mapping[bytes, bytes]:
        return await self._damaged.images(namespace, ids)

    async def put_images(
        self, namespace: str, images: Mapping[bytes, tuple[Any, bytes | None]]
    ) -> None:
        """Make both equal to legacy: what the verifier mends stays mended until the next write."""
        await self._twin.put_images(namespace, images)
        await self._damaged.put_images(namespace, images)
        self._stored.put_right(namespace, images)

    async def merge(self, namespace: str, staged: Staged) -> bool:  # noqa: ARG002 - of the interface
        """Refuse: the twin is another database, in which nothing is staged."""
        raise RefusedError(
            "a gateway with injected defects is not filled",
            where=namespace,
            remedy="backfill without --injection",
        )

    async def matching_ids(self, operation: Operation) -> Sequence[Any]:
        """Return what the filters select; asked only about writes that are not comparable."""
        self._record.add(
            Entry(
                kind=EntryKind.DOUBTED,
                namespace=operation.namespace,
                operation=digest_of(operation),
            )
        )
        return await self._damaged.matching_ids(operation)

    async def expiring(self, namespace: str) -> Sequence[Expiry]:
        return await self._damaged.expiring(namespace)

    def with_expiry(self) -> Sequence[str]:
        return self._damaged.with_expiry()

    async def expired(self, namespace: str, *, now_ms: int) -> Sequence[Any]:
        return await self._damaged.expired(namespace, now_ms=now_ms)

    def _note_consequence(self, operation: Operation, outcome: Outcome, clean: Outcome) -> bool:
        """Record an answer that differs from the twin's; return whether it does."""
        differs = not _same(outcome, clean)
        if differs:
            self._record.add(
                Entry(
                    kind=EntryKind.AFFECTED,
                    namespace=operation.namespace,
                    operation=digest_of(operation),
                )
            )
        return differs

    def _damage_answer(self, operation: Operation, outcome: Outcome, mark: Mark | None) -> Outcome:
        digest = digest_of(operation)
        position = None if mark is None else mark.position
        name = f"{digest} {position}"
        known = self._answered.get(name)
        kinds = self._kinds(name) if known is None or known.defect is None else (known.defect,)
        for kind in kinds:
            damaged = damaged_answer(operation, outcome, kind)
            if damaged is not None:
                entry = Entry(
                    kind=EntryKind.ANSWERED,
                    namespace=operation.namespace,
                    operation=digest,
                    position=position,
                    defect=kind,
                )
                self._answered[name] = entry
                self._record.add(entry)
                return damaged
        if known is not None:
            self._record.add(
                Entry(kind=EntryKind.HARMLESS, namespace=known.namespace, operation=digest)
            )
        return outcome

    def _kinds(self, name: str) -> tuple[DefectKind, ...]:
        """Return the kinds of damage to try in turn, none for an answer that is to be right.

        Few results have rows that can be swapped, so that kind is drawn more often.
        """
        if self._injection.picks(b"answer", name.encode()):
            kinds = tuple(ANSWERS)
            is_fourth = self._injection.number(b"kind", name.encode()) % 4 == 0
            return kinds[::-1] if is_fourth else kinds
        if self._injection.picks(b"order", name.encode(), times=4):
            return (DefectKind.WRONG_ORDER,)
        return ()


class _Both:
    """The same transaction on both gateways."""

    def __init__(self, injector: Injector, damaged: Transaction, twin: Transaction) -> None:
        self._injector = injector
        self._damaged = damaged
        self._twin = twin
        self.writes: list[tuple[str, tuple[Any, ...], bool]] = []

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:
        outcome = await self._damaged.run(operation, generated=generated)
        clean = await self._twin.run(operation, generated=generated)
        differs = self._injector._note_consequence(operation, outcome, clean)  # noqa: SLF001 - one idea in two classes
        if operation.kind in _WRITES:
            touched = (*outcome.touched, *clean.touched)
            self.writes.append((operation.namespace, touched, differs))
        return outcome


def _same(one: Outcome, other: Outcome) -> bool:
    """Return whether two outcomes say the same; the order of rows is left to the sort."""
    if set(map(document_key, one.touched)) != set(map(document_key, other.touched)):
        return False
    return _comparable(one.result) == _comparable(other.result)


def _comparable(result: Result) -> object:
    match result:
        case Documents():
            return Counter(result.documents)
        case Values():
            return Counter(encode({"": value}) for value in result.values)
        case _:
            return result
