"""Look single documents up among those that diverged, by their `_id` and not by its redacted form."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from proxy.ledger import tables
from proxy.ledger.access import Access
from proxy.ledger.engine import reading_engine, shown_url, translated_failures
from proxy.ledger.entries import DivergenceState
from proxy.ledger.redaction import Redaction
from proxy.ledger.write import REDACTION_KEY


@dataclass(frozen=True, slots=True, kw_only=True)
class DivergedAmong:
    """Which documents of a list the ledger holds as diverged, now or once."""

    known: frozenset[int]
    """Places in the list."""
    others: tuple[tuple[str, str], ...]
    """Namespace and redacted `_id` of diverged documents that are not in the list."""


async def diverged_among(url: str, documents: Sequence[tuple[str, Any]]) -> DivergedAmong:
    """Look documents up, given as namespace and `_id`, among all that ever diverged."""
    engine = reading_engine(url)
    key_row = select(tables.meta.c.value).where(tables.meta.c.name == REDACTION_KEY)
    stored = tables.divergence
    try:
        with translated_failures(shown_url(url)):
            async with engine.connect() as connection:
                key = (await connection.execute(key_row)).scalar_one()
                rows = await connection.execute(select(stored.c.namespace, stored.c.document))
                diverged = {(row.namespace, row.document) for row in rows}
    finally:
        await engine.dispose()
    redaction = Redaction(key=bytes.fromhex(key))
    names = [(namespace, redaction.document(namespace, one)) for namespace, one in documents]
    return DivergedAmong(
        known=frozenset(number for number, name in enumerate(names) if name in diverged),
        others=tuple(sorted(diverged - set(names))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDivergence:
    """A document that differs now; `document` is its redacted `_id`."""

    namespace: str
    document: str
    cause: str
    since_ns: int
    paths: tuple[str, ...]
    """Where it differs, generalised."""


async def open_divergences(access: Access) -> list[OpenDivergence]:
    """Return all documents that are known to differ, in the order in which they were found."""
    stored = tables.divergence
    wanted = (
        select(stored)
        .where(stored.c.state == DivergenceState.OPEN.value)
        .order_by(stored.c.since_ns, stored.c.namespace, stored.c.document)
    )
    async with access.reading() as connection:
        return [
            OpenDivergence(
                namespace=row.namespace,
                document=row.document,
                cause=row.cause,
                since_ns=row.since_ns,
                paths=tuple(each["path"] for each in json.loads(row.differences or "[]")),
            )
            for row in await connection.execute(wanted)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Concerned:
    """The documents that a group of mismatches is known to concern, as the ledger names them."""

    namespace: str
    kind: str
    path: str
    change: str
    documents: tuple[str, ...]


async def concerned_by(access: Access, group: int) -> Concerned | None:
    """Return the documents of a group's samples, and those that differ now at its path; None for no such group."""
    groups, shapes, samples = tables.groups, tables.shapes, tables.samples
    wanted = (
        select(shapes.c.namespace, shapes.c.kind, groups.c.path, groups.c.change)
        .join(shapes, shapes.c.shape == groups.c.shape)
        .where(groups.c.group == group)
    )
    async with access.reading() as connection:
        row = (await connection.execute(wanted)).one_or_none()
        if row is None:
            return None
        stored = select(samples.c.sample).where(samples.c.group == group)
        contents = (await connection.execute(stored)).scalars().all()
    named = [name for content in contents for name in json.loads(content)["documents"]]
    named += [
        each.document
        for each in await open_divergences(access)
        if each.namespace == row.namespace and row.path in each.paths
    ]
    return Concerned(
        namespace=row.namespace,
        kind=row.kind,
        path=row.path,
        change=row.change,
        documents=tuple(dict.fromkeys(named)),
    )


async def redaction_of(access: Access) -> Redaction:
    """Return how `_id`s are named on a ledger."""
    key_row = select(tables.meta.c.value).where(tables.meta.c.name == REDACTION_KEY)
    async with access.reading() as connection:
        key = (await connection.execute(key_row)).scalar_one()
    return Redaction(key=bytes.fromhex(key))


async def close_gone(
    access: Access, documents: Sequence[tuple[str, str]], *, who: str, why: str
) -> None:
    """Enter that documents, by namespace and redacted `_id`, are on neither side any more."""
    stored = tables.divergence
    async with access.writing() as connection:
        for namespace, document in documents:
            await connection.execute(
                stored.update()
                .where(stored.c.namespace == namespace, stored.c.document == document)
                .values(
                    state=DivergenceState.RESOLVED.value,
                    changed_ns=time.time_ns(),
                    who=who,
                    why=why,
                )
            )
