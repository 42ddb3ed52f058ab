"""`parallax flags` where another provider has the flags: what it says, what is held back of that, and how that is released."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from rich.table import Table

from comparators.errors import RefusedError
from proxy.capture.directory import private_directory
from proxy.cli.changing import Author, grounds_of
from proxy.flags.asking import Asking
from proxy.flags.brake import Brake, Braked
from proxy.flags.document import DEFAULT, SHADOW, key_of
from proxy.flags.flags import Flags
from proxy.flags.guarded import GuardedProvider
from proxy.flags.named import factory_of
from proxy.flags.phases import Direction
from proxy.ledger.access import opened
from proxy.ledger.flag_changes import FlagChange, FlagChanges, gates_then
from proxy.settings import Settings

BRAKED: Final = "braked"
"""What a direction of a collection is in, for the ledger, until somebody releases it."""
RELEASED: Final = "released"


async def provided(settings: Settings) -> Table:
    """Return what the provider says of collections for whom it let the gateway answer, or which are held back, and of all others."""
    brake = Brake(settings.data_directory)
    on = brake.read()
    namespaces = sorted({key.partition(":")[2] for key in {*on, *brake.served()}} | {""})
    name = settings.flags.provider
    table = Table("collection", "reads", "writes")
    # Asked as by nobody in particular: what a rule makes of somebody is the provider's to tell.
    with Flags(GuardedProvider(name, factory_of(name))) as flags:
        for namespace in namespaces:
            asking = Asking(namespace, "", 0, "", "")
            cells = [
                _cell(on, direction, namespace, flags.phase(direction, asking).value)
                for direction in Direction
            ]
            table.add_row(namespace or DEFAULT, *cells)
    return table


async def released(settings: Settings, namespace: str, author: Author) -> list[FlagChange]:
    """Release the brake of a collection in both directions, and enter that; RefusedError where it is not on."""
    if not settings.flags.provider:
        raise RefusedError(
            "nothing is held back: a roll-back has set the flag itself",
            where="parallax flags release",
            remedy="set the flag with `parallax flags set`",
        )
    private_directory(settings.data_directory)
    brake = Brake(settings.data_directory)
    async with opened(settings.ledger_uri) as access:
        grounds = await grounds_of(settings, access, namespace)
        async with brake.releasing(namespace) as on:
            if not on:
                raise RefusedError(
                    f"nothing is held back of {namespace or DEFAULT}",
                    where="parallax flags release",
                    remedy="`parallax flags ls` shows what is",
                )
            changes = [
                FlagChange(
                    at_ns=time.time_ns(),
                    direction=direction.value,
                    namespace=namespace,
                    before=BRAKED,
                    after=RELEASED,
                    who=author.who,
                    why=author.why,
                    gates=gates_then(grounds.gates),
                )
                for direction in on
            ]
            for change in changes:
                await FlagChanges(access).enter(change)
    return changes


def _cell(on: Mapping[str, Braked], direction: Direction, namespace: str, says: str) -> str:
    braked = on.get(key_of(direction, namespace)) or on.get(direction.value)
    if braked is None:
        return says
    since = f"{datetime.fromtimestamp(braked.at_ns / 1e9, UTC).astimezone():%Y-%m-%d %H:%M:%S}"
    return f"{SHADOW}, braked since {since}: {braked.why} (the provider says {says})"
