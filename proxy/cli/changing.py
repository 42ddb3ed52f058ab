"""Change a flag on the evidence, and enter that on the ledger: `parallax flags set`, and each step of `parallax rollout`."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from comparators.errors import RefusedError
from proxy.changed_file import sole_change_of
from proxy.cli.flags_file import flags_file_of
from proxy.flags.document import Said, said, with_flag
from proxy.flags.file import read_flags, write_flags
from proxy.flags.phases import Direction
from proxy.flags.safety import Grounds, objections
from proxy.ledger.access import Access
from proxy.ledger.fillings import Fillings
from proxy.ledger.flag_changes import FlagChange, FlagChanges, gates_then
from proxy.ledger.read import read_standing
from proxy.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who changes a flag, why, and whether against all objections."""

    who: str
    why: str
    forces: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a flag is to say. Where `expects` is not what it says by then, somebody was faster, and it is left alone."""

    direction: Direction
    namespace: str
    said: Said
    expects: Said | None = None


async def change(
    settings: Settings, access: Access, wish: Wish, author: Author
) -> FlagChange | None:
    """Change a flag and return that, None where somebody else was faster.

    RefusedError where the evidence speaks against it and the author does not overrule that.
    """
    file = flags_file_of(settings)
    direction, namespace, wanted = wish.direction, wish.namespace, wish.said
    grounds = await grounds_of(settings, access, namespace)
    async with sole_change_of(file):
        document = read_flags(file)
        before = said(document, direction, namespace)
        if wish.expects not in {None, before}:
            return None
        objected = list(objections(before, wanted, namespace=namespace, grounds=grounds))
        if objected and not author.forces:
            raise _refused(objected)
        changed = FlagChange(
            at_ns=time.time_ns(),
            direction=direction,
            namespace=namespace,
            before=str(before),
            after=str(wanted),
            who=author.who,
            why=author.why,
            forced=bool(objected),
            gates=gates_then(grounds.gates),
        )
        async with FlagChanges(access).entering(changed):
            write_flags(file, with_flag(document, direction, namespace, wanted))
    return changed


async def grounds_of(settings: Settings, access: Access, namespace: str) -> Grounds:
    """Return the evidence on a collection as it stands, as far as it counts."""
    since_ns = await FlagChanges(access).begins_ns(namespace)
    standing = await read_standing(settings.ledger_uri, settings.gates, since_ns=since_ns)
    fillings = await Fillings(access).all()
    return Grounds(
        gates=standing.of(namespace),
        filling=fillings.get(namespace),
        verified=standing.verified.get(namespace, 0),
        silent_s=standing.silent_s,
        unsupported=standing.unsupported.get(namespace, ()),
    )


def _refused(objected: Sequence[str]) -> RefusedError:
    error = RefusedError(
        "the evidence does not carry this phase",
        where="parallax flags set",
        remedy="wait for the evidence, or repeat with --force: the ledger will say so",
    )
    for objection in objected:
        error.add_note(objection)
    return error
