"""Operations of an outline that was seen before: from their values straight to the statement.

What takes the general way otherwise is planned once per outline: the plan is learnt from probes, and compared with the
plan of the operation itself before it is used. Whatever it cannot tell (a row has drifted, a layout is new, a value fits
no column) goes the general way; a write has then done nothing.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

from adapters.gateway import Mark
from adapters.operations.documents import entries_of
from adapters.operations.indexes import Entry
from adapters.postgresql import marks
from adapters.postgresql.catalog import PostgresCatalog, PostgresCollection
from adapters.postgresql.connections import Connection, Connections
from adapters.postgresql.documents import carried, insertion_shape, taken_values
from adapters.postgresql.drafts import ALTERED, Answer, Draft, draft_of, draft_of_upsert
from adapters.postgresql.mapped_storage import MappedStorage
from adapters.postgresql.outlines import (
    Outline,
    filled,
    outline_of,
    outlines_of_updates,
    plain_documents,
)
from adapters.postgresql.statements import (
    SHAPES_KEPT,
    insert_document,
    insert_documents,
)
from adapters.query.failures import CommandFailure
from adapters.query.outline import probes_of
from adapters.sql.binding import Binding, UnfitError, binding_of, bound, same
from adapters.sql.dialect import Statement
from comparators.errors import UnsupportedError
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Answered, Outcome, Unencoded

Drafted = tuple[Sequence[Any], Draft]
"""The values of an operation, and its plan."""

KnownRow = tuple[Any, tuple[Any, ...]]
"""The key and the contents of a row."""

Taken = tuple[Any, Entry]
"""A unique entry, and the key of the row that takes it."""

DRAFTS: Final = (draft_of, draft_of_upsert)
"""The plans to learn from; what a later one has no plan for, an earlier one may."""

MARKED: Final = ("log", "position", "outcome")
"""The parameters of a mark, whose values come behind those of the operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """How operations of one outline are run."""

    text: str
    binding: Binding
    answer: Answer
    otherwise: "Known | None" = None
    """What is tried where a value is none for this plan."""


class Ran(NamedTuple):
    """What an operation gave, and the statement that ran for it."""

    outcome: Outcome
    text: str


class _UnchangedError(Exception):
    """One of several updates has changed nothing: what they did is rolled back."""


class KnownOperations:
    """The plans of a gateway by outline, kept with their collections: a definition forgets them."""

    def __init__(
        self, catalog: PostgresCatalog, connections: Connections, *, as_values: bool
    ) -> None:
        self._catalog = catalog
        self._connections = connections
        self._as_values = as_values
        self.hits = 0
        """How many operations found the plan of their outline."""
        self.misses = 0
        """How many had an outline that was new."""

    async def run(self, operation: Operation, mark: Mark | None, started: float) -> Ran | None:
        """Run an operation by the plan of its outline; None where it takes the general way."""
        found = self._catalog.collection(operation.database, operation.collection)
        if found is None or found.options:
            return None
        if not isinstance(found.storage, MappedStorage):
            if operation.kind is not Kind.FIND:
                return None
        elif operation.kind is Kind.INSERT:
            return await self._insert(found.storage, found, operation, mark, started)
        outline = outline_of(operation.kind, operation.arguments)
        if outline is None:
            return await self._update_each(found, operation, mark, started)
        known = self._plan(
            found, operation.kind, operation.arguments, outline, marked=mark is not None
        )
        touched = _touched(operation)
        values = outline.values
        if mark is not None:
            values += (mark.log, mark.position, _marked(touched, mark))
        ready = _ready(known, values)
        if ready is None:
            return None
        known, given = ready
        result = known.answer(await self._connections.rows(known.text, given))
        if result is None:
            return None
        if isinstance(result, Unencoded) and not self._as_values:
            result = result.encoded()
        outcome = Outcome(
            result=result,
            duration_s=time.perf_counter() - started,
            touched=touched,
            answered=Answered.PUSHED_DOWN,
        )
        return Ran(outcome, known.text)

    async def _update_each(
        self,
        collection: PostgresCollection,
        operation: Operation,
        mark: Mark | None,
        started: float,
    ) -> Ran | None:
        """Run several updates behind one another without waiting for any; None unless each changes its document."""
        if operation.kind is not Kind.UPDATE:
            return None
        ready = self._ready_updates(collection, operation)
        if ready is None:
            return None
        touched = tuple(each["q"]["_id"] for each in operation.arguments["updates"])
        outcome = Outcome(
            result=Acknowledgement(n=len(ready), modified=len(ready)),
            duration_s=0.0,
            touched=touched,
            answered=Answered.PUSHED_DOWN,
        )
        try:
            async with self._connections.held() as connection, connection.transaction():
                await _change_all(connection, ready)
                if mark is not None:
                    await marks.write(connection, mark, outcome)
        except _UnchangedError:
            return None
        outcome = replace(outcome, duration_s=time.perf_counter() - started)
        return Ran(outcome, ready[0][0])

    def _ready_updates(
        self, collection: PostgresCollection, operation: Operation
    ) -> list[tuple[str, list[Any]]] | None:
        """Return the SQL of each statement with its arguments, None where one takes the general way."""
        outlines = outlines_of_updates(operation.arguments)
        if outlines is None:
            return None
        found = []
        for outline, statement in zip(outlines, operation.arguments["updates"], strict=True):
            known = self._plan(collection, Kind.UPDATE, {"updates": [statement]}, outline)
            ready = _ready(known, outline.values)
            if ready is None:
                return None
            found.append((ready[0].text, ready[1]))
        return found

    async def _insert(
        self,
        storage: MappedStorage,
        collection: PostgresCollection,
        operation: Operation,
        mark: Mark | None,
        started: float,
    ) -> Ran | None:
        """Insert documents of which all is known that it takes; None for any other."""
        documents = plain_documents(operation.arguments)
        if documents is None:
            return None
        rows = list(map(storage.known_row, documents))
        known = [row for row in rows if row is not None]
        if len(known) < len(rows):
            return None
        taken = _taken(collection, documents, known)
        if taken is None:
            return None
        touched = tuple([document["_id"] for document in documents])
        statement, values = _insertion(storage, known, taken, marked=mark is not None)
        if mark is not None:
            values |= marks.values_of(mark, _inserted(touched, 0.0))
        await self._connections.rows(statement.text, statement.arguments(values))
        self.hits += 1
        return Ran(_inserted(touched, time.perf_counter() - started), statement.text)

    def _plan(
        self,
        collection: PostgresCollection,
        kind: Kind,
        arguments: Mapping[str, Any],
        outline: Outline,
        *,
        marked: bool = False,
    ) -> Known | None:
        plans, key = collection.plans, (outline.key, marked)
        try:
            known: Known | None = plans[key]
        except KeyError:
            self.misses += 1
        else:
            self.hits += 1
            return known
        if len(plans) >= SHAPES_KEPT:
            plans.clear()
        known = plans[key] = _learnt(collection, kind, arguments, outline, marked=marked)
        return known


def _ready(known: Known | None, values: Sequence[Any]) -> tuple[Known, list[Any]] | None:
    """Return the first plan for which the values are fit, and its parameters."""
    while known is not None:
        try:
            return known, bound(known.binding, values)
        except UnfitError:
            known = known.otherwise
    return None


async def _change_all(connection: Connection, ready: Sequence[tuple[str, list[Any]]]) -> None:
    """Run updates of one document each; _UnchangedError where one changes none."""
    for text, of_text in groupby(ready, key=itemgetter(0)):
        given = [arguments for _text, arguments in of_text]
        if len(await connection.fetchmany(text, given)) < len(given):
            raise _UnchangedError


def _taken(
    collection: PostgresCollection, documents: Sequence[dict[str, Any]], rows: Sequence[KnownRow]
) -> list[Taken] | None:
    """Return the unique entries that documents take, None where an index refuses one."""
    taken: list[Taken] = []
    if collection.guarding:
        try:
            for (key, _contents), document in zip(rows, documents, strict=True):
                found = entries_of(document, collection.guarding_from(document))
                taken += [(key, entry) for entry in found.values()]
        except CommandFailure:
            return None
    return taken


def _insertion(
    storage: MappedStorage, rows: Sequence[KnownRow], taken: Sequence[Taken], *, marked: bool
) -> tuple[Statement, dict[str, Any]]:
    """Return the statement that inserts rows with their entries, and its parameters save those of a mark."""
    together = len(rows) > 1
    shape = insertion_shape(len(taken), marked=marked, together=together)
    if together:
        statement = insert_documents(storage.tables, shape)
        keys, contents = zip(*rows, strict=True)
        values = {"ids": list(keys), **carried(storage.tables.contents, contents)}
    else:
        statement = insert_document(storage.tables, shape)
        values = storage.inserting(*rows[0])
    if taken:
        values |= taken_values(taken, together=together)
    return statement, values


def _inserted(touched: tuple[Any, ...], duration_s: float) -> Outcome:
    return Outcome(result=Acknowledgement(n=len(touched)), duration_s=duration_s, touched=touched)


def _touched(operation: Operation) -> tuple[Any, ...]:
    """Return the `_id` of the document that a write changes."""
    match operation.kind:
        case Kind.UPDATE:
            return (operation.arguments["updates"][0]["q"]["_id"],)
        case Kind.FIND_AND_MODIFY:
            return (operation.arguments["query"]["_id"],)
        case _:
            return ()


def _marked(touched: tuple[Any, ...], mark: Mark) -> bytes:
    return marks.encoded(Outcome(result=ALTERED, duration_s=0.0, touched=touched), mark)


def _learnt(
    collection: PostgresCollection,
    kind: Kind,
    arguments: Mapping[str, Any],
    outline: Outline,
    *,
    marked: bool,
) -> Known | None:
    """Return the plan of an outline, None where none holds for all its operations."""
    values = outline.values
    probes, others = probes_of(values, round_of=1), probes_of(values, round_of=2)
    known = None
    for drafted in DRAFTS:
        try:
            actual, first, second = (
                drafted(kind, filled(kind, arguments, iter(given)), collection, marked=marked)
                for given in (values, probes, others)
            )
        except (CommandFailure, UnsupportedError):
            # Which it is, the general way says.
            return None
        if actual is None or first is None or second is None:
            continue
        placed = {name: len(values) + at for at, name in enumerate(MARKED)} if marked else {}
        binding = _binding((values, actual), (probes, first), (others, second), placed)
        if binding is not None:
            statement = actual.statement
            known = Known(
                text=statement.text, binding=binding, answer=actual.answer, otherwise=known
            )
    return known


def _binding(
    actual: Drafted, first: Drafted, second: Drafted, placed: Mapping[str, int]
) -> Binding | None:
    statement, values = actual[1].statement, actual[0]
    if not statement == first[1].statement == second[1].statement:
        return None
    binding = binding_of(
        statement.names,
        (first[0], first[1].values),
        (second[0], second[1].values),
        made=actual[1].made,
        afresh=actual[1].afresh,
        placed=placed,
    )
    if binding is None or not _agrees(binding, statement.names, values, actual[1]):
        return None
    return binding


def _agrees(binding: Binding, names: Sequence[str], values: Sequence[Any], actual: Draft) -> bool:
    """Return whether a binding makes the parameters that the operation was planned with."""
    try:
        return all(
            same(step.value(values), actual.values[name])
            for name, step in zip(names, binding, strict=True)
            if name not in MARKED and name not in actual.afresh
        )
    except UnfitError:
        return False
