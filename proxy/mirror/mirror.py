"""Keep MongoDB current after the cut-over: take notes, copy the present state of what they name, and only then remove them.

It goes by states, so that a note may be taken twice and in any order: a crash anywhere costs a repetition and nothing else. While
MongoDB is away the notes wait. What MongoDB refuses keeps its notes, is told of, and is tried again.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import structlog

from adapters.gateway import Gateway, Generated
from adapters.postgresql.outbox import EVERYTHING, Note, Outbox
from comparators.canonical import decode, document_key
from comparators.errors import ParallaxError, UnreachableError
from comparators.operation import Kind, Operation
from comparators.outcome import Documents as Found
from proxy.mirror.definitions import Definitions
from proxy.mirror.documents import Documents
from proxy.mirror.target import MirrorRefusedError, Target
from proxy.tracing.stints import Stints

_log = structlog.get_logger()

NOTES_AT_ONCE: Final = 1000
POLL_S: Final = 0.1
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0


@dataclass(slots=True)
class Standing:
    """How the mirror is doing."""

    copied: int = 0
    """Documents since it began."""
    refused: dict[str, int] = field(default_factory=dict)
    """Collections of which MongoDB does not take something, with its code."""
    is_away: bool = False


class Mirror:
    """Copies until cancelled. One at a time may run on a database."""

    def __init__(
        self, outbox: Outbox, gateway: Gateway, target: Target, *, stints: Stints | None = None
    ) -> None:
        """`stints` tells of what is done in traces; None where nobody is told."""
        self._stints = stints or Stints()
        self._outbox = outbox
        self._gateway = gateway
        self._target = target
        self._definitions = Definitions(gateway, target)
        self._documents = Documents(gateway, target)
        self._after = 0
        self._refusals = 0
        self.standing = Standing()

    async def run(self) -> None:
        """Take notes for as long as there are some, and look for new ones."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                taken = await self._round()
            except UnreachableError as error:
                self._away(error)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                continue
            self._back()
            pause_s = FIRST_PAUSE_S
            if not taken:
                await asyncio.sleep(POLL_S)

    async def _round(self) -> bool:
        """Take the next notes; False when there was nothing to do, or nothing could be done."""
        notes = await self._outbox.notes(NOTES_AT_ONCE, after=self._after)
        if not notes:
            # From the beginning again: what was refused, and what became visible late.
            was_at, self._after = self._after, 0
            if not was_at:
                self.standing.refused.clear()
            return False
        self._after = notes[-1].position
        with self._stints.doing("mirror", facts={"parallax.notes": len(notes)}) as doing:
            done = await self._take(notes)
            doing.facts["parallax.notes.done"] = len(done)
            if done:
                await self._outbox.done(done)
        return True

    async def _take(self, notes: list[Note]) -> list[int]:
        """Copy what notes name, and return the positions of those that may go."""
        replaced = await self._replaced(notes)
        touched = _touched(notes, without=replaced)
        if replaced or any(b"" in identifiers for identifiers in touched.values()):
            self._gateway.redefined()
        refused: set[tuple[str, bytes]] = set()
        failed: set[str] = set()
        for namespace in replaced:
            if not await self._tried(namespace, self._whole):
                failed.add(namespace)
        for namespace, identifiers in touched.items():
            if b"" in identifiers and not await self._tried(namespace, self._definitions.copy):
                failed.add(namespace)
            if not await self._tried(namespace, partial(self._some, identifiers, refused)):
                failed.add(namespace)
        return [note.position for note in notes if not _waits(note, refused, failed)]

    async def _some(
        self, identifiers: Mapping[bytes, Any], refused: set[tuple[str, bytes]], namespace: str
    ) -> None:
        """Copy some documents of a collection, and add those that MongoDB does not take."""
        wanted = [each for key, each in identifiers.items() if key]
        for key, code in (await self._documents.copy(namespace, wanted)).items():
            refused.add((namespace, key))
            self._refused(namespace, code)
        self.standing.copied += len(wanted)

    async def _replaced(self, notes: Iterable[Note]) -> list[str]:
        """Return the collections of which nothing is known, each once."""
        named = dict.fromkeys(each for note in notes for each in note.replaced)
        found: dict[str, None] = {}
        for each in named:
            database, _, collection = each.partition(".")
            if collection:
                found[each] = None
                continue
            here = await self._gateway.namespaces()
            databases = [database] if database else sorted({name for name, _ in here})
            if each == EVERYTHING:
                databases = sorted({*databases, *await self._target.databases()})
            for name in databases:
                theirs = await self._target.collections(name)
                ours = [collection for owner, collection in here if owner == name]
                found |= dict.fromkeys(f"{name}.{one}" for one in [*theirs, *ours])
        return list(found)

    async def _tried(self, namespace: str, copy: Callable[[str], Any]) -> bool:
        with self._stints.doing("mirror", namespace) as doing:
            copied, refusals = self.standing.copied, self._refusals
            is_done = await self._is_copied(namespace, copy)
            doing.facts["parallax.documents"] = self.standing.copied - copied
            if self._refusals > refusals:
                doing.error = "mirror_refused"
        return is_done

    async def _is_copied(self, namespace: str, copy: Callable[[str], Any]) -> bool:
        try:
            await copy(namespace)
        except MirrorRefusedError as error:
            cause = error.__cause__
            self._refused(namespace, int(getattr(cause, "code", 0) or 0))
            return False
        return True

    async def _whole(self, namespace: str) -> None:
        """Copy a collection anew."""
        await self._definitions.drop(namespace)
        await self._definitions.copy(namespace)
        database, _, name = namespace.partition(".")
        listing = Operation(
            database=database,
            collection=name,
            kind=Kind.FIND,
            arguments={"filter": {}, "projection": {"_id": 1}},
        )
        result = (await self._gateway.run(listing, generated=Generated(now_ms=0))).result
        if isinstance(result, Found):
            identifiers = [decode(each)["_id"] for each in result.documents]
            refused = await self._documents.copy(namespace, identifiers)
            self.standing.copied += len(identifiers)
            if refused:
                raise MirrorRefusedError(
                    "MongoDB refuses documents that the gateway holds",
                    where=namespace,
                    remedy="compare the indexes of both sides",
                )

    def _refused(self, namespace: str, code: int) -> None:
        self._refusals += 1
        if namespace not in self.standing.refused:
            _log.error("mirror_refused", collection=namespace, code=code)
        self.standing.refused[namespace] = code

    def _away(self, error: ParallaxError) -> None:
        if not self.standing.is_away:
            self.standing.is_away = True
            _log.warning("peer_lost", side="mirror", what=error.what, remedy=error.remedy)

    def _back(self) -> None:
        if self.standing.is_away:
            self.standing.is_away = False
            _log.info("peer_back", side="mirror")


def _touched(notes: Iterable[Note], *, without: Iterable[str]) -> dict[str, dict[bytes, Any]]:
    """Return what to copy by namespace and document key, in the order of the notes; an empty key for its definition."""
    skipped = set(without)
    found: dict[str, dict[bytes, Any]] = {}
    for note in notes:
        for namespace, identifiers in note.touched.items():
            if namespace in skipped:
                continue
            of_it = found.setdefault(namespace, {})
            of_it |= {document_key(each): each for each in identifiers}
            if not identifiers:
                of_it[b""] = None
    return found


def _waits(note: Note, refused: set[tuple[str, bytes]], failed: set[str]) -> bool:
    """Return whether MongoDB does not have what a note names."""
    if failed and (note.replaced or not failed.isdisjoint(note.touched)):
        return True
    return bool(refused) and any(
        (namespace, document_key(each)) in refused
        for namespace, identifiers in note.touched.items()
        for each in identifiers
    )
