"""A pipeline run on documents in memory.

Every stage is compiled before the first document is read, so that what MongoDB refuses while it
prepares a pipeline is refused here over an empty collection too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from random import SystemRandom
from typing import Any, assert_never

from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64

from adapters.evaluate.expressions import Variables, evaluator
from adapters.evaluate.match import matcher
from adapters.evaluate.numbers import int_or_long
from adapters.evaluate.order import sorted_documents
from adapters.evaluate.stages.bucket import bucket, bucket_auto
from adapters.evaluate.stages.densify import densify
from adapters.evaluate.stages.group import group
from adapters.evaluate.stages.lookup import graph_lookup, lookup
from adapters.evaluate.stages.redact import redaction
from adapters.evaluate.stages.shape import addition, exclusion, inclusion, replacement
from adapters.evaluate.stages.unwind import unwound
from adapters.evaluate.stages.window import window_fields
from adapters.query.expression import Expression
from adapters.query.failures import CommandFailure
from adapters.query.pipeline import (
    AddFields,
    Bucket,
    BucketAuto,
    Count,
    Densify,
    Exclude,
    Facet,
    Given,
    GraphLookup,
    Group,
    Include,
    Limit,
    Lookup,
    Match,
    Merge,
    Out,
    Redact,
    ReplaceRoot,
    Sample,
    Skip,
    Sort,
    Stage,
    UnionWith,
    Unwind,
    WindowFields,
    rearranged,
)

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
    def constants(self) -> dict[str, Any]:
        """The variables that are the same for every document."""
        return {**self.user, "NOW": DatetimeMS(self.now_ms)}

    @property
    def of_filters(self) -> dict[str, Any]:
        """The variables of `$expr` in a filter."""
        return {**self.user, "NOW": Int64(self.now_ms)}

    def documents_of(self, collection: str | None) -> Sequence[Document]:
        """Return another collection's documents; of None none."""
        return () if collection is None else self.sources[collection]

    def row(self, document: Document) -> Variables:
        return Variables(root=document, current=document, now_ms=self.now_ms, user=self.user)


def _compiled(stages: Sequence[Stage], around: _Surroundings, *, outermost: bool = False) -> Run:
    runs = []
    pushed_down = outermost
    for stage in _prepared(stages, around):
        pushed_down = pushed_down and _can_be_pushed_down(stage)
        runs.append(_stage(stage, around, pushed_down=pushed_down))

    def run(documents: Iterable[Document]) -> Iterator[Document]:
        flow = iter(documents)
        for each in runs:
            flow = each(flow)
        return flow

    return run


def _prepared(stages: Sequence[Stage], around: _Surroundings) -> tuple[Stage, ...]:
    """Return the stages as they are run: spelled out, and in MongoDB's order."""
    spelled_out: list[Stage] = []
    for stage in stages:
        if isinstance(stage, Bucket):
            spelled_out += bucket(stage, around.constants)
        else:
            spelled_out.append(stage)
    return rearranged(tuple(spelled_out))


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
        case BucketAuto():
            cut = bucket_auto(stage)
            return lambda documents: cut(map(around.row, documents))
        case Sample(size=size):
            return lambda documents: iter(_sampled(documents, size))
        case Given(documents=given):
            return lambda _documents: _given(given, around)
        case Sort():
            return lambda documents: iter(_sorted(documents, stage))
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
        case WindowFields():
            return window_fields(stage, around.row)
        case Densify():
            return densify(stage, around.row)
        case Merge() | Out():
            # What comes out is stored by whoever runs the pipeline.
            return iter
        case Bucket():
            raise TypeError("a stage that is short for others is spelled out before")
        case _:
            assert_never(stage)


def _each(transform: Callable[[Variables], Document], around: _Surroundings) -> Run:
    return lambda documents: (transform(around.row(document)) for document in documents)


def _sorted(documents: Iterable[Document], stage: Sort) -> list[Document]:
    sort, key_of = stage.sort, stage.comparing.key
    if list(sort) != ["_id"]:
        return sorted_documents(documents, sort, stage.comparing)
    # `_id` alone is never looked into: an array there sorts as an array.
    return sorted(
        documents, key=lambda document: key_of(document.get("_id")), reverse=sort["_id"] < 0
    )


def _sampled(documents: Iterable[Document], size: int) -> list[Document]:
    every = list(documents)
    return SystemRandom().sample(every, min(size, len(every)))


def _given(expression: Expression, around: _Surroundings) -> Iterator[Document]:
    """Give the documents of `$documents`, which sees variables and no document."""
    documents = evaluator(expression)(around.row({}))
    if not isinstance(documents, list):
        raise CommandFailure(5858203, "an array is expected")
    for document in documents:
        if not isinstance(document, dict):
            raise CommandFailure(40228, "elements of $documents must evaluate to an object")
        yield document


def _count(field: str, documents: Iterable[Document]) -> Iterator[Document]:
    total = sum(1 for _ in documents)
    if total:
        yield {field: int_or_long(total)}


def _lookup(
    stage: Lookup, around: _Surroundings, *, pushed_down: bool
) -> Callable[[Variables], Document]:
    pipeline = stage.pipeline or ()
    if stage.pipeline is not None:
        # Compiled once for its refusals; the bindings differ from document to document.
        unbound = {name: None for name, _ in stage.bindings}
        _compiled(pipeline, _bound(around, unbound))
    given, rest = (pipeline[:1], pipeline[1:]) if _gives(pipeline) else ((), pipeline)

    def run(documents: Sequence[Document], bindings: dict[str, Any]) -> list[Document]:
        return list(_compiled(rest, _bound(around, bindings))(documents))

    def source(bindings: dict[str, Any]) -> list[Document]:
        return list(_compiled(given, _bound(around, bindings))(()))

    foreign = source if given else around.documents_of(stage.collection)
    return lookup(stage, foreign, run, pushed_down=pushed_down)


def _gives(pipeline: Sequence[Stage]) -> bool:
    return bool(pipeline) and isinstance(pipeline[0], Given)


def _bound(around: _Surroundings, bindings: Bindings) -> _Surroundings:
    return _Surroundings(around.sources, around.now_ms, {**around.user, **bindings})


def _union(stage: UnionWith, around: _Surroundings) -> Run:
    run = _compiled(stage.pipeline, around)

    def union(documents: Iterable[Document]) -> Iterator[Document]:
        yield from documents
        yield from run(around.documents_of(stage.collection))

    return union


def _facet(stage: Facet, around: _Surroundings) -> Run:
    runs = [(name, _compiled(pipeline, around)) for name, pipeline in stage.pipelines]

    def facet(documents: Iterable[Document]) -> Iterator[Document]:
        given = list(documents)
        yield {name: list(run(given)) for name, run in runs}

    return facet
