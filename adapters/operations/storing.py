"""`$merge` and `$out`: what a pipeline gives is stored, in the transaction that read it.

`$merge` writes document by document and goes on behind one that is refused, as MongoDB's unordered
batches do: the command then fails with the first refusal, and the others are stored all the same.
`$out` replaces a collection as a whole or not at all.
Source: MongoDB manual, "$merge (aggregation)", "$out (aggregation)".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from adapters.evaluate.expressions import Variables, at_path, evaluator
from adapters.operations import inserts, modifying
from adapters.operations.aggregates import Document, Piped, piped
from adapters.operations.documents import Change, insertion
from adapters.operations.indexes import Index
from adapters.operations.modifying import change_of, modification_of, upsertion
from adapters.operations.picking import picked
from adapters.operations.refusals import failure_of
from adapters.operations.session import Session
from adapters.query.failures import CommandFailure
from adapters.query.filter import EVERYTHING
from adapters.query.pipeline import Merge, Out, WhenMatched, WhenNotMatched
from adapters.query.unsupported import unsupported
from comparators.canonical import MISSING
from comparators.operation import Kind, Operation
from comparators.outcome import Documents, Outcome

NOTHING: Final = Documents(documents=())
"""What the command answers: no document."""
ID: Final = "_id"


async def store(session: Session) -> Outcome:
    """Run a pipeline that stores its result, inside a transaction."""
    found = await piped(session)
    match found.storing:
        case Merge():
            return await _Merging(session, found, found.storing).run()
        case Out():
            return await _replace_all(_at(session, found.storing), found.documents)
        case None:
            raise TypeError("a pipeline that stores nothing is a read")


def _at(session: Session, stage: Merge | Out) -> Session:
    """Return the session of the collection that a stage writes to."""
    operation = session.operation
    target = Operation(
        database=stage.database or operation.database,
        collection=stage.collection,
        kind=Kind.UPDATE,
        arguments={},
    )
    return replace(session, operation=target)


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What became of the documents so far."""

    touched: list[Any] = field(default_factory=list)
    refused: CommandFailure | None = None
    unmatched: int = 0


class _Merging:
    """One `$merge`."""

    def __init__(self, session: Session, found: Piped, stage: Merge) -> None:
        self._target = _at(session, stage)
        self._found = found
        self._stage = stage
        self._tally = _Tally()
        self._bindings = [(name, evaluator(each)) for name, each in stage.bindings]

    async def run(self) -> Outcome:
        self._check_index()
        queries = [self._query(document) for document in self._found.documents]
        for document, query in zip(self._found.documents, queries, strict=True):
            try:
                refused = await self._merge(document, query)
            except CommandFailure as failure:
                refused = failure
            self._tally.refused = self._tally.refused or refused
        return self._outcome()

    def _outcome(self) -> Outcome:
        refused, result = self._tally.refused, NOTHING
        if refused is None and self._tally.unmatched:
            refused = CommandFailure(13113, "a document has no match", code_name=NO_MATCH)
        return Outcome(
            result=result if refused is None else failure_of(refused),
            duration_s=0.0,
            touched=tuple(self._tally.touched),
        )

    def _check_index(self) -> None:
        """Refuse fields that no index keeps unique."""
        on = set(self._stage.on)
        if on != {ID} and not any(_is_unique(index, on) for index in self._target.unique):
            raise CommandFailure(51183, "Cannot find index to verify that join fields are unique")

    def _query(self, document: Document) -> Mapping[str, Any] | None:
        """Return what finds the match of a document, None where it has no `_id` to have one."""
        query: dict[str, Any] = {}
        for path in self._stage.on:
            value = _plain_value(document, path)
            if value is MISSING and path == ID:
                return None
            if value is MISSING or value is None:
                raise CommandFailure(51132, f"$merge write error: 'on' field {path!r} is missing")
            query[path] = {"$eq": value}
        return query

    async def _merge(
        self, document: Document, query: Mapping[str, Any] | None
    ) -> CommandFailure | None:
        matched = self._stage.matched
        if query is None or matched is WhenMatched.FAIL:
            return await self._unmatched(document)
        target = self._bound(document) if matched is WhenMatched.PIPELINE else self._target
        modification = modification_of(
            target,
            query=query,
            update=self._update(document),
            array_filters=None,
            upsert=self._inserts,
            at=0,
            order=target.order_under({}),
        )
        found = await picked(target, modification.query, first=True, locked=True)
        if found:
            change = change_of(target, modification, found[0])[1]
            refused = await modifying.replace_locked(target, [change] if change else [])
            return self._noted(change, refused)
        if not self._inserts or matched is WhenMatched.PIPELINE or ID not in document:
            return await self._unmatched(document)
        change = upsertion(target, modification)
        return self._noted(change, await modifying.insert_locked(target, change))

    @property
    def _inserts(self) -> bool:
        return self._stage.not_matched is WhenNotMatched.INSERT

    def _update(self, document: Document) -> Any:
        match self._stage.matched:
            case WhenMatched.PIPELINE:
                return list(self._stage.pipeline)
            case WhenMatched.MERGE:
                return {"$set": document}
            case WhenMatched.KEEP:
                return {"$setOnInsert": document}
            case _:
                return document

    def _bound(self, document: Document) -> Session:
        """Return the session with what `let` binds for a document."""
        row = Variables(
            root=document,
            current=document,
            now_ms=self._target.generated.now_ms,
            user=self._found.variables,
        )
        values = {name: evaluate(row) for name, evaluate in self._bindings}
        # What is missing is not bound at all: its use is then that of an undefined variable.
        let = {name: {"$literal": value} for name, value in values.items() if value is not MISSING}
        return replace(
            self._target, operation=replace(self._target.operation, arguments={"let": let})
        )

    async def _unmatched(self, document: Document) -> CommandFailure | None:
        """Insert a document as it is, or note that it may not be."""
        if not self._inserts:
            self._tally.unmatched += self._stage.not_matched is WhenNotMatched.FAIL
            return None
        check_identified([document], "$merge", self._target.operation.namespace)
        whole = inserts.identified(document, self._target, 0)
        change = insertion(self._target.storage, whole, self._target.guarding)
        return self._noted(change, await modifying.insert_locked(self._target, change))

    def _noted(
        self, change: Change | None, refused: CommandFailure | None
    ) -> CommandFailure | None:
        if change is not None and refused is None:
            self._tally.touched.append(change.identifier)
        return refused


NO_MATCH: Final = "MergeStageNoMatchingDocument"


def _is_unique(index: Index, on: set[str]) -> bool:
    return set(index.key_pattern) == on and index.admits is None


def _plain_value(document: Document, path: str) -> Any:
    """Return what lies at a path that leads through no array."""
    steps = tuple(path.split("."))
    for depth in range(1, len(steps) + 1):
        if isinstance(at_path(document, steps[:depth]), list):
            raise CommandFailure(51185, f"$merge write error: 'on' field {path!r} is an array")
    return at_path(document, steps)


def check_identified(documents: Sequence[Document], stage: str, namespace: str) -> None:
    """Refuse documents for which MongoDB makes up an `_id` that its answer does not show."""
    if any(ID not in document for document in documents):
        raise unsupported(f"{stage} that makes up an _id", where=namespace)


async def _replace_all(target: Session, documents: Sequence[Document]) -> Outcome:
    """Replace all documents of a collection; its indexes stay."""
    check_identified(documents, "$out", target.operation.namespace)
    await target.ensure()
    await target.lock()
    whole = [inserts.identified(document, target, at) for at, document in enumerate(documents)]
    prepared: inserts.Prepared = [
        (at, insertion(target.storage, document, target.guarding))
        for at, document in enumerate(whole)
    ]
    everything = target.storage.selection_of(EVERYTHING, {})
    before = await target.stored(everything, limit=None, locked=False)
    if before:
        await target.remove([stored.key for stored in before])
    accepted, errors = await inserts.sorted_out(target, prepared, ordered=True)
    if errors:
        [error] = errors
        raise CommandFailure(
            error.code,
            error.message,
            key_pattern=error.key_pattern,
            key_value=error.key_value,
        )
    if accepted:
        await target.insert(accepted)
    gone = [stored.document[ID] for stored in before]
    touched = (*gone, *(change.identifier for change in accepted))
    return Outcome(result=NOTHING, duration_s=0.0, touched=touched)
