"""Look single documents up among those that diverged, by their `_id` and not by its redacted form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from proxy.ledger import tables
from proxy.ledger.engine import reading_engine, shown_url, translated_failures
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
