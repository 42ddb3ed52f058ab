"""Which replays a ledger holds. A ledger is either a sidecar's or that of replays, never both.

The evidence of two replays would add up to figures of neither, so a second one is refused unless it is asked for by name.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import inspect, select

from comparators.errors import RefusedError
from proxy.ledger import tables
from proxy.ledger.engine import (
    NoLedgerError,
    reading_engine,
    shown_url,
    translated_failures,
)
from proxy.ledger.write import Ledger

REPLAYS: Final = "replays"
"""The name under which they are noted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayNote:
    """One log that was replayed; `gateway` as it may be shown, `ended_ns` None while it is not finished."""

    log: str
    gateway: str
    ended_ns: int | None = None


async def check_replay(url: str, wanted: ReplayNote, *, append: bool) -> bool:
    """Return whether the ledger holds the beginning of this very replay, so that it goes on.

    RefusedError where it holds something else.
    """
    try:
        engine = reading_engine(url)
    except NoLedgerError:
        return False
    try:
        with translated_failures(shown_url(url)):
            async with engine.connect() as connection:
                if not await connection.run_sync(_has_tables):
                    return False
                wanted_fact = select(tables.meta.c.value).where(tables.meta.c.name == REPLAYS)
                notes = _notes_of((await connection.execute(wanted_fact)).scalar_one_or_none())
                logs = set((await connection.execute(select(tables.checkpoints.c.log))).scalars())
    finally:
        await engine.dispose()
    return _is_begun(notes, logs, wanted, shown_url(url), append=append)


async def note_replay(ledger: Ledger, note: ReplayNote) -> None:
    """Write down that a replay has begun, or ended."""
    notes = _notes_of(await ledger.fact(REPLAYS))
    notes[note.log] = note
    await ledger.note(REPLAYS, json.dumps([asdict(each) for each in notes.values()]))


def _is_begun(
    notes: Mapping[str, ReplayNote],
    logs: set[str],
    wanted: ReplayNote,
    where: str,
    *,
    append: bool,
) -> bool:
    if logs - notes.keys():
        raise RefusedError(
            "this ledger holds the evidence of a sidecar",
            where=where,
            remedy="name another one with --ledger: a replay has a ledger of its own",
        )
    before = notes.get(wanted.log)
    if before is not None and before.ended_ns is not None:
        raise RefusedError(
            "this ledger already holds a finished replay of this log",
            where=where,
            remedy="name another one with --ledger, or read this one with `parallax report`",
        )
    if before is not None and before.gateway != wanted.gateway:
        raise RefusedError(
            f"this ledger holds the beginning of a replay against {before.gateway}",
            where=where,
            remedy="go on against that gateway, or name another ledger with --ledger",
        )
    if before is None and notes and not append:
        raise RefusedError(
            "this ledger already holds the replay of another log",
            where=where,
            remedy="name another one with --ledger, or add to its evidence with --append",
        )
    return before is not None


def _notes_of(stored: str | None) -> dict[str, ReplayNote]:
    return {entry["log"]: ReplayNote(**entry) for entry in json.loads(stored or "[]")}


def _has_tables(connection: Any) -> bool:
    return bool(inspect(connection).has_table(tables.meta.name))
