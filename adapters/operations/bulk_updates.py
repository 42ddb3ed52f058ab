"""Many updates worked out together: one look at their documents, one write of what has become of them.

Each statement must name its document by the same unique field. So it finds one document at most, as the statements
before it have left it. Whatever does not show in memory is left to the statements one by one, and so is every
refusal: nothing has been written by then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bson.int64 import Int64
from bson.objectid import ObjectId

from adapters.operations import modifying
from adapters.operations.documents import Change, Stored, insertion, replacement
from adapters.operations.modifying import Modification
from adapters.operations.picking import picked
from adapters.operations.refusals import TakenError
from adapters.operations.residual import query_of
from adapters.operations.session import Session
from adapters.operations.storage import Found
from adapters.operations.tally import Tally
from adapters.query.failures import CommandFailure

MOST: Final = 1000
"""So many statements share a look and a write: their documents are in memory together."""

NAMING: Final = frozenset({str, ObjectId, int, Int64})
"""The types of values that name a document: equal ones are equal for Python too."""

HELD: Final = NAMING | {float}
"""The types of values that a document may have there: one of these is named by an equal value, or by none."""

Numbered = tuple[int, Mapping[str, Any]]
"""A statement, with its place in the command."""


class _UnclearError(Exception):
    """Memory cannot tell what a statement does."""


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A document on its way through the statements; without `origin` it was inserted by one of them."""

    origin: Stored | None
    latest: Stored
    change: Change | None = None


@dataclass(slots=True, kw_only=True)
class _Work:
    session: Session
    name: str
    drafts: dict[Any, _Draft]
    tally: Tally = field(default_factory=Tally)
    entries: set[tuple[str, bytes]] = field(default_factory=set)
    """The unique entries that were taken or freed."""

    def run(self, at: int, statement: Mapping[str, Any]) -> None:
        modification = modifying.modification_of_statement(self.session, statement, at)
        value = statement["q"][self.name]
        draft = self.drafts.get(value)
        if draft is not None and modification.query.matches(draft.latest.document):
            self._change(draft, modification, value)
        elif modification.insert is not None:
            if draft is not None:
                raise _UnclearError
            self._insert(at, modification, value)

    def changes(self, *, inserting: bool) -> list[Change]:
        """Return what is to be written of the documents that are inserted, or of the others."""
        return [
            draft.change
            for draft in self.drafts.values()
            if draft.change is not None and (draft.origin is None) is inserting
        ]

    def _change(self, draft: _Draft, modification: Modification, value: Any) -> None:
        session = self.session
        after, change = modifying.change_of(session, modification, draft.latest)
        self.tally.count(1, [change])
        if change is None:
            return
        self._note(change, after, value)
        draft.latest = replace(draft.latest, found=after)
        if draft.change is None:
            draft.change = change
        elif draft.origin is None:
            draft.change = insertion(session.storage, after.document, session.guarding)
        else:
            draft.change = replacement(
                session.storage, draft.origin, after.document, after.raw, session.guarding
            )

    def _insert(self, at: int, modification: Modification, value: Any) -> None:
        change = modifying.upsertion(self.session, modification)
        found = Found(raw=change.bson)
        self._note(change, found, value)
        latest = Stored(key=change.key, version=0, found=found)
        self.drafts[value] = _Draft(origin=None, latest=latest, change=change)
        self.tally.count_upserted(at, change)

    def _note(self, change: Change, after: Found, value: Any) -> None:
        """Make sure that the order of the statements does not matter to the document's name and unique entries."""
        if _named(after.document, self.name) != value:
            raise _UnclearError
        for entry in (*change.taken, *change.freed):
            place = (entry.index.name, entry.key)
            if place in self.entries:
                raise _UnclearError
            self.entries.add(place)


async def update_together(session: Session, numbered: Sequence[Numbered]) -> Tally | None:
    """Run statements inside a transaction; None, with nothing done, where they must run one by one."""
    name = _common_named(session, [statement for _at, statement in numbered])
    if name is None:
        return None
    values = list(dict.fromkeys(statement["q"][name] for _at, statement in numbered))
    query = query_of(session, {name: {"$in": values}})
    found = await picked(session, query, first=False, locked=True)
    try:
        work = _Work(session=session, name=name, drafts=_drafts(found, name))
        for at, statement in numbered:
            work.run(at, statement)
    except (CommandFailure, _UnclearError):
        return None
    return work.tally if await _written(session, work) else None


def _common_named(session: Session, given: Sequence[Mapping[str, Any]]) -> str | None:
    """Return a unique field by which each statement names its document, None where there is none."""
    if len(given) < 2 or session.collation or any(each.get("collation") for each in given):
        return None
    unique = [
        index.paths[0]
        for index in session.unique
        if len(index.paths) == 1 and index.admits is None and index.collator is None
    ]
    for name in ("_id", *unique):
        if "." not in name and all(type(each["q"].get(name)) in NAMING for each in given):
            return name
    return None


def _drafts(found: Sequence[Stored], name: str) -> dict[Any, _Draft]:
    drafts = {_named(each.document, name): _Draft(origin=each, latest=each) for each in found}
    if len(drafts) < len(found):
        raise _UnclearError
    return drafts


def _named(document: Mapping[str, Any], name: str) -> Any:
    value = document.get(name)
    if type(value) not in HELD:
        raise _UnclearError
    return value


async def _written(session: Session, work: _Work) -> bool:
    """Write all changes; return False with nothing written where one of them is refused."""
    inserted, replaced = work.changes(inserting=True), work.changes(inserting=False)
    if inserted:
        await session.ensure()
    elif not any(change.taken for change in replaced):
        await modifying.replace_locked(session, replaced)
        return True
    try:
        async with session.savepoint():
            if replaced:
                await session.replace(replaced)
            if inserted:
                await session.insert(inserted)
    except TakenError:
        return False
    return True
