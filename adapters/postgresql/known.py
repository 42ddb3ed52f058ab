"""Operations of an outline that was seen before: from their values straight to the statement.

What takes the general way otherwise is planned once per outline: the plan is learnt from probes, and compared with the
plan of the operation itself before it is used. Whatever it cannot tell (a row has drifted, a layout is new, a value fits
no column) goes the general way; a write has then done nothing.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from adapters.gateway import Mark
from adapters.postgresql import marks
from adapters.postgresql.catalog import Catalog, Collection
from adapters.postgresql.connections import Connections
from adapters.postgresql.drafts import ALTERED, Answer, Draft, draft_of
from adapters.postgresql.mapped_storage import MappedStorage
from adapters.postgresql.outlines import Outline, filled, outline_of
from adapters.postgresql.statements import SHAPES_KEPT
from adapters.query.failures import CommandFailure
from adapters.query.outline import probes_of
from adapters.sql.binding import Binding, UnfitError, binding_of, bound, same
from comparators.errors import UnsupportedError
from comparators.operation import Kind, Operation
from comparators.outcome import Answered, Outcome

MARKED: Final = ("log", "position", "outcome")
"""The parameters of a mark, whose values come behind those of the operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """How operations of one outline are run."""

    text: str
    binding: Binding
    answer: Answer


class Ran(NamedTuple):
    """What an operation gave, and the statement that ran for it."""

    outcome: Outcome
    text: str


class KnownOperations:
    """The plans of a gateway by outline, kept with their collections: a definition forgets them."""

    def __init__(self, catalog: Catalog, connections: Connections) -> None:
        self._catalog = catalog
        self._connections = connections
        self.hits = 0
        """How many operations found the plan of their outline."""
        self.misses = 0
        """How many had an outline that was new."""

    async def run(self, operation: Operation, mark: Mark | None, started: float) -> Ran | None:
        """Run an operation by the plan of its outline; None where it takes the general way."""
        found = self._catalog.collection(operation.database, operation.collection)
        if found is None or found.options or type(found.storage) is not MappedStorage:
            return None
        outline = outline_of(operation.kind, operation.arguments)
        if outline is None:
            return None
        known = self._plan(found, operation, outline, marked=mark is not None)
        if known is None:
            return None
        touched = _touched(operation)
        values = outline.values
        if mark is not None:
            values += (mark.log, mark.position, _marked(touched, mark))
        try:
            arguments = bound(known.binding, values)
        except UnfitError:
            return None
        result = known.answer(await self._connections.rows(known.text, arguments))
        if result is None:
            return None
        outcome = Outcome(
            result=result,
            duration_s=time.perf_counter() - started,
            touched=touched,
            answered=Answered.PUSHED_DOWN,
        )
        return Ran(outcome, known.text)

    def _plan(
        self, collection: Collection, operation: Operation, outline: Outline, *, marked: bool
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
        known = plans[key] = _learnt(collection, operation, outline, marked=marked)
        return known


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
    collection: Collection, operation: Operation, outline: Outline, *, marked: bool
) -> Known | None:
    """Return the plan of an outline, None where none holds for all its operations."""
    kind, arguments, values = operation.kind, operation.arguments, outline.values

    def drafted(given: Sequence[Any]) -> Draft | None:
        changed = filled(kind, arguments, iter(given))
        return draft_of(kind, changed, collection, marked=marked)

    probes, others = probes_of(values, round_of=1), probes_of(values, round_of=2)
    try:
        actual, first, second = drafted(values), drafted(probes), drafted(others)
    except (CommandFailure, UnsupportedError):
        # Which it is, the general way says.
        return None
    if actual is None or first is None or second is None:
        return None
    statement = actual.statement
    if not statement == first.statement == second.statement:
        return None
    binding = binding_of(
        statement.names,
        (probes, first.values),
        (others, second.values),
        made=actual.made,
        afresh=actual.afresh,
        placed={name: len(values) + at for at, name in enumerate(MARKED)} if marked else {},
    )
    if binding is None or not _agrees(binding, statement.names, values, actual):
        return None
    return Known(text=statement.text, binding=binding, answer=actual.answer)


def _agrees(binding: Binding, names: Sequence[str], values: Sequence[Any], actual: Draft) -> bool:
    """Return whether a binding makes the parameters that the operation was planned with."""
    try:
        return all(
            same(step.value(values), actual.values[name])
            for name, step in zip(names, binding, strict=True)
            if name not in MARKED
        )
    except UnfitError:
        return False
