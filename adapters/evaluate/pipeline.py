"""A pipeline run on documents in memory.

Every stage is compiled before the first document is read, so that what MongoDB refuses while it
prepares a pipeline is refused here over an empty collection too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, assert_never

from bson.int64 import Int64

from adapters.evaluate.expressions import Variables
from adapters.evaluate.match import matcher
from adapters.evaluate.numbers import int_or_long
from adapters.evaluate.order import sorted_documents
from adapters.evaluate.stages.group import group
from adapters.evaluate.stages.lookup import graph_lookup, lookup
from adapters.evaluate.stages.redact import redaction
from adapters.evaluate.stages.shape import addition, exclusion, inclusion, replacement
from adapters.evaluate.stages.unwind import unwound
from adapters.query.pipeline import (
    AddFields,
    Count,
    Exclude,
    Facet,
    GraphLookup,
    Group,
    Include,
    Limit,
    Lookup,
    Match,
    Redact,
    ReplaceRoot,
    Skip,
    Sort,
    Stage,
    UnionWith,
    Unwind,
)
from comparators.order import order_key

Document = dict[str, Any]
Run = Callable[[Iterable[Document]], Iterator[Document]]
Sources = Mapping[str, Sequence[Document]]
Bindings = Mapping[str, Any]


def run_pipeline(
    stages: Sequence[Stage],
    documents: Iterable[Document],
    *,
    sources: Sources,
    now_ms: int,
    variables: Bindings | None = None,
) -> Iterator[Document]:
    """Give the documents that come out; those that went in are not changed.

    `sources` holds the other collections that `collections_of` names, `variables` what the command's
    `let` binds. Raises CommandFailure where MongoDB refuses, at the latest at the end.
    """
    around = _Surroundings(sources, now_ms, variables or {})
    return _compiled(stages, around, outermost=True)(documents)


class _Surroundings:
    """What stages see beside their documents."""

    __slots__ = ("now_ms", "sources", "user")

    def __init__(self, sources: Sources, now_ms: int, user: Bindings) -> None:
        self.sources = sources
        self.now_ms = now_ms
        self.user = user

    @property
    def of_filters(self) -> dict[str, Any]:
        """The variables of `$expr` in a filter."""
        return {**self.user, "NOW": Int64(self.now_ms)}

    def row(self, document: Document) -> Variables:
        return Variables(root=document, current=document, now_ms=self.now_ms, user=self.user)


def _compiled(stages: Sequence[Stage], around: _Surroundings, *, outermost: bool = False) -> Run:
    runs = []
    pushed_down = outermost
    for stage in _cut_early(stages):
        pushed_down = pushed_down and _can_be_pushed_down(stage)
        runs.append(_stage(stage, around, pushed_down=pushed_down))

    def run(documents: Iterable[Document]) -> Iterator[Document]:
        flow = iter(documents)
        for each in runs:
            flow = each(flow)
        return flow

    return run


def _cut_early(stages: Sequence[Stage]) -> Sequence[Stage]:
    """Return the stages as MongoDB runs them: it shapes no document that `$skip` or `$limit` drops.

    It shows where shaping such a document would fail.
    """
    ordered: list[Stage] = []
    for stage in stages:
        at = len(ordered)
        while isinstance(stage, Skip | Limit) and at and _shapes_one_by_one(ordered[at - 1]):
            at -= 1
        ordered.insert(at, stage)
    return ordered


def _shapes_one_by_one(stage: Stage) -> bool:
    return isinstance(stage, Include | Exclude | AddFields | ReplaceRoot | Lookup | GraphLookup)


def _can_be_pushed_down(stage: Stage) -> bool:
    """Return whether MongoDB 6.0 makes a stage at the front part of the query."""
    if isinstance(stage, Include):
        return not stage.shaping.computes
    return isinstance(stage, Match | Sort | Limit | Skip | Group | Lookup)


def _stage(stage: Stage, around: _Surroundings, *, pushed_down: bool) -> Run:
    match stage:
        case Match(filter=filter_):
            matches = matcher(filter_, variables=around.of_filters)
            return lambda documents: filter(matches, documents)
        case Include(shaping=shaping):
            return _each(inclusion(shaping), around)
        case Exclude(shaping=shaping):
            return _each(exclusion(shaping), around)
        case AddFields(shaping=shaping):
            return _each(addition(shaping), around)
        case ReplaceRoot(root=root):
            return _each(replacement(root), around)
        case Group():
            grouped = group(stage, pushed_down=pushed_down)
            return lambda documents: grouped(map(around.row, documents))
        case Sort(sort=sort):
            return lambda documents: iter(_sorted(documents, sort))
        case Limit(count=count):
            return lambda documents: islice(documents, count)
        case Skip(count=count):
            return lambda documents: islice(documents, count, None)
        case Count(field=field):
            return lambda documents: _count(field, documents)
        case Unwind():
            return lambda documents: unwound(stage, documents)
        case Lookup():
            return _each(_lookup(stage, around, pushed_down=pushed_down), around)
        case GraphLookup():
            foreign = around.sources[stage.collection]
            return _each(graph_lookup(stage, foreign, around.of_filters), around)
        case UnionWith():
            return _union(stage, around)
        case Facet():
            return _facet(stage, around)
        case Redact(expression=expression):
            return redaction(expression, around.row)
        case _:
            assert_never(stage)


def _each(transform: Callable[[Variables], Document], around: _Surroundings) -> Run:
    return lambda documents: (transform(around.row(document)) for document in documents)


def _sorted(documents: Iterable[Document], sort: Mapping[str, int]) -> list[Document]:
    if list(sort) != ["_id"]:
        return sorted_documents(documents, sort)
    # `_id` alone is never looked into: an array there sorts as an array.
    return sorted(
        documents, key=lambda document: order_key(document.get("_id")), reverse=sort["_id"] < 0
    )


def _count(field: str, documents: Iterable[Document]) -> Iterator[Document]:
    total = sum(1 for _ in documents)
    if total:
        yield {field: int_or_long(total)}


def _lookup(
    stage: Lookup, around: _Surroundings, *, pushed_down: bool
) -> Callable[[Variables], Document]:
    if stage.pipeline is not None:
        # Compiled once for its refusals; the bindings differ from document to document.
        unbound = {name: None for name, _ in stage.bindings}
        _compiled(stage.pipeline, _bound(around, unbound))

    def run(documents: Sequence[Document], bindings: dict[str, Any]) -> list[Document]:
        return list(_compiled(stage.pipeline or (), _bound(around, bindings))(documents))

    return lookup(stage, around.sources[stage.collection], run, pushed_down=pushed_down)


def _bound(around: _Surroundings, bindings: Bindings) -> _Surroundings:
    return _Surroundings(around.sources, around.now_ms, {**around.user, **bindings})


def _union(stage: UnionWith, around: _Surroundings) -> Run:
    run = _compiled(stage.pipeline, around)

    def union(documents: Iterable[Document]) -> Iterator[Document]:
        yield from documents
        yield from run(around.sources[stage.collection])

    return union


def _facet(stage: Facet, around: _Surroundings) -> Run:
    runs = [(name, _compiled(pipeline, around)) for name, pipeline in stage.pipelines]

    def facet(documents: Iterable[Document]) -> Iterator[Document]:
        given = list(documents)
        yield {name: list(run(given)) for name, run in runs}

    return facet
