"""`parallax flags set default cutover`, and the way back: both directions at once, and until everybody is over there."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import typer

from comparators.errors import RefusedError, UnreachableError
from proxy.capture.authority import read_authority
from proxy.changed_file import sole_change_of
from proxy.cli.changing import Author
from proxy.cli.relay_status import read_status
from proxy.flags.cutover import (
    Surroundings,
    is_cut_over,
    objections_to_cutover,
    with_defaults,
)
from proxy.flags.document import said
from proxy.flags.file import read_flags, write_flags
from proxy.flags.phases import Direction, Phase
from proxy.ledger.access import Access, opened
from proxy.ledger.fillings import Fillings
from proxy.ledger.flag_changes import FlagChange, FlagChanges
from proxy.ledger.read import read_standing
from proxy.settings import Settings

FEW: Final = 1000
"""Writes that MongoDB may lack when the way back begins: it waits for them."""
WAITS_S: Final = 30.0
LOOK_S: Final = 0.1


def concerns_cutover(file: Path, namespace: str, phase: Phase) -> bool:
    """Return whether a change is that of everything at once; RefusedError for a collection alone."""
    if phase is Phase.CUTOVER and namespace:
        raise RefusedError(
            "one collection cannot be cut over: MongoDB is needed as long as it answers for any of them",
            where="parallax flags set",
            remedy="set each collection to `gateway`, and then `default` to `cutover`",
        )
    return not namespace and (phase is Phase.CUTOVER or is_cut_over(read_flags(file)))


async def change_everything(settings: Settings, file: Path, phase: Phase, author: Author) -> None:
    """Set the defaults of both directions, enter that on the ledger, and wait until the relay has followed."""
    async with opened(settings.ledger_uri) as access:
        if phase is Phase.CUTOVER:
            objected = await _objections(settings, access, file)
        else:
            objected = []
            await _check_mirror(settings)
        if objected and not author.forces:
            raise _refused(objected)
        async with sole_change_of(file):
            document = read_flags(file)
            changed = with_defaults(document, phase)
            reads, writes = (
                FlagChange(
                    at_ns=time.time_ns(),
                    direction=direction,
                    namespace="",
                    before=str(said(document, direction, "")),
                    after=str(said(changed, direction, "")),
                    who=author.who,
                    why=author.why,
                    forced=bool(objected),
                )
                for direction in (Direction.READS, Direction.WRITES)
            )
            await FlagChanges(access).enter(reads)
            async with FlagChanges(access).entering(writes):
                write_flags(file, changed)
    typer.echo(f"default: {phase}{', forced' if objected else ''}")
    await _followed(settings, to_gateway=phase is Phase.CUTOVER)


async def _objections(settings: Settings, access: Access, file: Path) -> list[str]:
    # Only here, and the outbox below: most changes of a flag need neither database.
    from pymongo.uri_parser import parse_uri

    from proxy.serving.users import Users

    users = Users(settings.demand("gateway.uri"))
    try:
        await users.prepare()
    finally:
        await users.close()
    surroundings = Surroundings(
        fillings=await Fillings(access).all(),
        asks_for_logins=bool(parse_uri(settings.demand("legacy.uri"), warn=False)["username"]),
        users=len(users.names),
    )
    standing = await read_standing(settings.ledger_uri, settings.gates)
    return list(objections_to_cutover(read_flags(file), standing, surroundings))


async def _check_mirror(settings: Settings) -> None:
    """Refuse to go back to a MongoDB that lacks writes; nothing overrules that."""
    if not read_authority(settings.capture_directory).is_gateway:
        return
    from adapters.postgresql.outbox import Outbox

    async with Outbox(settings.demand("gateway.uri")) as outbox:
        pending = await outbox.pending()
    if not pending.is_on:
        reason = "the mirror is off, so that MongoDB lacks what was written since"
        remedy = "`parallax mirror on`, and wait until `parallax mirror status` tells of few writes"
    elif pending.notes > FEW:
        reason = f"MongoDB lacks {pending.notes} writes, the oldest for {pending.oldest_s:.0f} s"
        remedy = "wait until `parallax mirror status` tells of few writes"
    else:
        return
    raise RefusedError(reason, where="parallax flags set", remedy=remedy)


async def _followed(settings: Settings, *, to_gateway: bool) -> None:
    """Wait until the relay has crossed; UnreachableError, with what it says, where it has not for long."""
    status = read_status(settings.data_directory)
    if status is None or not status.is_alive:
        typer.echo("the relay does not run: it follows when it does")
        return
    try:
        async with asyncio.timeout(WAITS_S):
            while read_authority(settings.capture_directory).is_gateway != to_gateway:  # noqa: ASYNC110 - another process
                await asyncio.sleep(LOOK_S)
    except TimeoutError as error:
        status = read_status(settings.data_directory)
        told = "" if status is None else str(status.counts.get("crossing", ""))
        raise UnreachableError(
            f"the relay has not followed yet: {told or 'it does not say why'}",
            where="parallax flags set",
            remedy="it goes on trying; `parallax status` tells why it waits, and the flag can be set back",
        ) from error
    typer.echo("PostgreSQL answers everything" if to_gateway else "MongoDB answers again")


def _refused(objected: Sequence[str]) -> RefusedError:
    error = RefusedError(
        "the evidence does not carry the cut-over",
        where="parallax flags set",
        remedy="wait for the evidence, or repeat with --force: the ledger will say so",
    )
    for objection in objected:
        error.add_note(objection)
    return error
