"""`$lookup` and `$graphLookup`: documents of another collection come along.

Source: MongoDB manual, "$lookup (aggregation)", "$graphLookup (aggregation)".
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bson.dbref import DBRef
from bson.int64 import Int64

from adapters.evaluate.expressions import Evaluate, Variables, evaluator
from adapters.evaluate.match import matcher
from adapters.evaluate.paths import reached
from adapters.evaluate.stages.unwind import with_value
from adapters.query.filter import parse_filter
from adapters.query.pipeline import GraphLookup, Lookup
from comparators.canonical import MISSING
from comparators.order import SIMPLE, ValueOrder, position_of

Document = dict[str, Any]
Path = tuple[str, ...]
RunPipeline = Callable[[Sequence[Document], dict[str, Any]], list[Document]]
"""Runs the stage's own pipeline over documents with these bindings."""

Source = Callable[[dict[str, Any]], list[Document]]
"""Makes up the foreign documents under these bindings."""


class ForeignIndex:
    """The documents of a collection by the values that a path reaches in them."""

    def __init__(
        self, documents: Sequence[Document], path: Path, order: ValueOrder = SIMPLE
    ) -> None:
        self._documents = documents
        self._key_of = order.key
        self._by_value: dict[Any, list[int]] = {}
        matches_null = matcher(parse_filter({".".join(path): None}))
        self._nulls = [at for at, document in enumerate(documents) if matches_null(document)]
        for at, document in enumerate(documents):
            values = (value for value, _ in reached(document, path))
            for place in {self._key_of(value) for value in values if value is not MISSING}:
                self._by_value.setdefault(place, []).append(at)

    def equal_to(self, values: Sequence[Any]) -> list[Document]:
        """Return the documents that match one of the values, in the order of the collection."""
        found: set[int] = set()
        for value in values:
            same = self._nulls if value is None else self._by_value.get(self._key_of(value), ())
            found.update(same)
        return [self._documents[at] for at in sorted(found)]

    def holding(self, values: Sequence[Any]) -> list[Document]:
        """Return the documents that hold one of the values: null is no match for missing."""
        found: set[int] = set()
        for value in values:
            if value is not MISSING:
                found.update(self._by_value.get(self._key_of(value), ()))
        return [self._documents[at] for at in sorted(found)]


def local_values(document: Any, path: Path) -> list[Any]:
    """Return the values that a local field joins by: of arrays the elements, null if there is none."""
    return list(_values(document, path)) or [None]


def _values(value: Any, path: Path) -> Iterator[Any]:
    for step, name in enumerate(path):
        if isinstance(value, DBRef):
            value = value.as_doc()
        if isinstance(value, dict):
            if name not in value:
                return
            value = value[name]
        elif isinstance(value, list):
            yield from _values_in_elements(value, path[step:])
            return
        else:
            return
    if isinstance(value, list):
        yield from value
    else:
        yield value


def _values_in_elements(array: list[Any], path: Path) -> Iterator[Any]:
    position = position_of(path[0])
    if position is not None:
        # A number is a position here, and never the name of a field of the elements.
        if position < len(array):
            yield from _values(array[position], path[1:])
        return
    for element in array:
        if isinstance(element, dict | DBRef):
            yield from _values(element, path)


def lookup(
    stage: Lookup,
    foreign: Sequence[Document] | Source,
    run: RunPipeline,
    *,
    pushed_down: bool,
) -> Callable[[Variables], Document]:
    """Return the function from a document to the same one with its matches.

    `pushed_down` says that MongoDB runs the stage in its slot-based engine.
    """
    found = _finder(stage, foreign)
    bindings = [(name, evaluator(expression)) for name, expression in stage.bindings]
    moves = pushed_down and stage.pipeline is None

    def transform(variables: Variables) -> Document:
        bound = {name: evaluate(variables) for name, evaluate in bindings}
        matches = found(variables.root, bound)
        if stage.pipeline is not None:
            matches = run(matches, bound)
        root = variables.root
        if moves:
            # The other engine takes the field out and puts it back at the end.
            root = {name: value for name, value in root.items() if name != stage.into[0]}
            below = variables.root.get(stage.into[0])
            if len(stage.into) > 1 and isinstance(below, dict):
                root[stage.into[0]] = below
        return with_value(root, stage.into, list(matches))

    return transform


def _finder(
    stage: Lookup, foreign: Sequence[Document] | Source
) -> Callable[[Document, dict[str, Any]], Sequence[Document]]:
    """Return what finds the matches of a document by equal fields; all documents without fields."""
    local, path = stage.local, stage.foreign
    if callable(foreign):
        if local is None or path is None:
            return lambda _document, bound: foreign(bound)
        return lambda document, bound: ForeignIndex(foreign(bound), path, stage.comparing).equal_to(
            local_values(document, local)
        )
    if local is None or path is None:
        return lambda _document, _bound: foreign
    index = ForeignIndex(foreign, path, stage.comparing)
    return lambda document, _bound: index.equal_to(local_values(document, local))


def graph_lookup(
    stage: GraphLookup, foreign: Sequence[Document], variables: dict[str, Any]
) -> Callable[[Variables], Document]:
    """Return the function from a document to the same one with all it is connected to."""
    start: Evaluate = evaluator(stage.start)
    candidates = foreign
    if stage.restriction is not None:
        allowed = matcher(stage.restriction, variables=variables)
        candidates = [document for document in foreign if allowed(document)]
    index = ForeignIndex(candidates, stage.connect_to, stage.comparing)

    def transform(row: Variables) -> Document:
        first = start(row)
        frontier = list(first) if isinstance(first, list) else [first]
        return with_value(row.root, stage.into, list(_connected(stage, index, frontier)))

    return transform


def _connected(stage: GraphLookup, index: ForeignIndex, frontier: list[Any]) -> Iterator[Document]:
    seen: set[Any] = set()
    depth = 0
    while frontier and (stage.max_depth is None or depth <= stage.max_depth):
        following: list[Any] = []
        for document in index.holding(frontier):
            place = stage.comparing.key(document.get("_id"))
            if place in seen:
                continue
            seen.add(place)
            if stage.depth_field is None:
                yield document
            else:
                yield with_value(document, stage.depth_field, Int64(depth))
            following += _values(document, stage.connect_from)
        frontier = following
        depth += 1
