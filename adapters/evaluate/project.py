"""A document as a projection of `find` shows it."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef

from adapters.evaluate.expressions import Variables, evaluator
from adapters.evaluate.match import Bindings, element_position
from adapters.evaluate.position import matched_position
from adapters.query.failures import CommandFailure
from adapters.query.filter import EVERYTHING, Filter
from adapters.query.paths import Path
from adapters.query.projection import (
    Branch,
    Computed,
    Exclude,
    FirstElement,
    Include,
    Mode,
    Node,
    Projection,
    Slice,
)
from comparators.canonical import MISSING

NO_POSITION: Final = 51246
POSITION_BEYOND: Final = 51247

Document = dict[str, Any]
Step = Callable[[Document, Document, Variables], Document]
"""Takes the stored document, the result so far and the variables; returns the next result."""


def projector(
    projection: Projection,
    *,
    filter: Filter = EVERYTHING,  # noqa: A002 - MongoDB's word
    now_ms: int = 0,
    variables: Mapping[str, Any] | None = None,
) -> Callable[[Document], Document]:
    """Return the function from a stored document to what the client sees.

    `filter` is the query that found the document: `.$` stands for the position it has matched.
    """
    named = projection.root
    if projection.mode is Mode.EXCLUSION and all(
        isinstance(child, Exclude) for child in named.children.values()
    ):
        return partial(_without, tuple(named.children))
    bindings = {**(variables or {}), "NOW": DatetimeMS(now_ms)}
    shaped = _included if projection.mode is Mode.INCLUSION else _excluded
    steps = [*_computed_steps(named), *_slice_steps(named)]
    if projection.positional is not None:
        steps.insert(0, _positional_step(projection.positional, filter, bindings))

    def project(document: Document) -> Document:
        result: Document = shaped(named, document)
        if steps:
            bound = Variables.of(document, bindings)
            for step in steps:
                result = step(document, result, bound)
        return result

    return project


def _without(names: tuple[str, ...], document: Document) -> Document:
    result = dict(document)
    for name in names:
        result.pop(name, None)
    return result


def _included(branch: Branch, document: Mapping[str, Any]) -> Document:
    result: Document = {}
    children = branch.children
    for name, value in document.items():
        child = children.get(name)
        if isinstance(child, Include | Slice):
            result[name] = value
        elif isinstance(child, Branch):
            kept = _included_value(child, value)
            # What is computed below takes the place that the field has in the document.
            if kept is not MISSING or _computes(child):
                result[name] = kept
    return result


def _included_value(branch: Branch, value: Any) -> Any:
    if isinstance(value, dict):
        return _included(branch, value)
    if isinstance(value, DBRef):
        return _included(branch, value.as_doc())
    if isinstance(value, list):
        kept = [_included_value(branch, element) for element in value]
        # Where something is computed below, it also takes the place of plain elements.
        if _computes(branch):
            return kept
        return [element for element in kept if element is not MISSING]
    return MISSING


def _excluded(branch: Branch, document: Mapping[str, Any]) -> Document:
    result = dict(document)
    for name, child in branch.children.items():
        if name not in result:
            continue
        if isinstance(child, Branch):
            result[name] = _excluded_value(child, result[name])
        elif isinstance(child, Exclude):
            del result[name]
    return result


def _excluded_value(branch: Branch, value: Any) -> Any:
    if isinstance(value, dict):
        return _excluded(branch, value)
    if isinstance(value, DBRef):
        return _excluded(branch, value.as_doc())
    if isinstance(value, list):
        return [_excluded_value(branch, element) for element in value]
    return value


def _computes(node: Node) -> bool:
    if isinstance(node, Branch):
        return any(_computes(child) for child in node.children.values())
    return isinstance(node, Computed)


def _computed_steps(branch: Branch) -> Iterable[Step]:
    for name, child in branch.children.items():
        if isinstance(child, FirstElement):
            yield _element_step(name, child)
        elif _computes(child):
            yield _computed_step(name, _value_maker(child))


def _element_step(name: str, node: FirstElement) -> Step:
    search = element_position(node.condition)

    def step(document: Document, result: Document, _variables: Variables) -> Document:
        array = document.get(name, MISSING)
        position = search(array)
        if position is None:
            result.pop(name, None)
        else:
            result[name] = [array[position]]
        return result

    return step


ValueMaker = Callable[[Any, Variables], Any]
"""Takes what the field holds in the result so far."""


def _computed_step(name: str, make: ValueMaker) -> Step:
    def step(_document: Document, result: Document, variables: Variables) -> Document:
        value = make(result.get(name, MISSING), variables)
        if value is MISSING:
            result.pop(name, None)
        else:
            result[name] = value
        return result

    return step


def _value_maker(node: Node) -> ValueMaker:
    if isinstance(node, Computed):
        evaluate = evaluator(node.expression)
        return lambda _value, variables: evaluate(variables)
    assert isinstance(node, Branch)  # noqa: S101 - nothing else computes
    makers = [
        (name, _value_maker(child)) for name, child in node.children.items() if _computes(child)
    ]

    def make(value: Any, variables: Variables) -> Any:
        if isinstance(value, list):
            return [make(element, variables) for element in value]
        result = dict(value) if isinstance(value, dict) else {}
        for name, child in makers:
            made = child(result.get(name, MISSING), variables)
            if made is MISSING:
                result.pop(name, None)
            else:
                result[name] = made
        return result

    return make


def _slice_steps(branch: Branch) -> Iterable[Step]:
    for path, node in _slices(branch, ()):
        yield _slice_step(path, node)


def _slices(branch: Branch, above: Path) -> Iterable[tuple[Path, Slice]]:
    for name, child in branch.children.items():
        if isinstance(child, Slice):
            yield (*above, name), child
        elif isinstance(child, Branch):
            yield from _slices(child, (*above, name))


def _slice_step(path: Path, node: Slice) -> Step:
    def step(_document: Document, result: Document, _variables: Variables) -> Document:
        return _sliced(result, path, node)

    return step


def _sliced(document: Document, path: Path, node: Slice) -> Document:
    name, rest = path[0], path[1:]
    if name not in document:
        return document
    return {**document, name: _sliced_value(document[name], rest, node)}


def _sliced_value(value: Any, rest: Path, node: Slice) -> Any:
    if not rest:
        return _slice(value, node) if isinstance(value, list) else value
    if isinstance(value, dict):
        return _sliced(value, rest, node)
    if isinstance(value, list):
        return [
            _sliced_value(each, rest, node) if isinstance(each, dict) else each for each in value
        ]
    return value


def _slice(array: list[Any], node: Slice) -> list[Any]:
    if node.skip is None:
        return array[: node.limit] if node.limit >= 0 else array[node.limit :]
    start = node.skip if node.skip >= 0 else max(len(array) + node.skip, 0)
    return array[start : start + node.limit]


def _positional_step(path: Path, filter: Filter, variables: Bindings) -> Step:  # noqa: A002
    position_in = matched_position(filter, planned=False, variables=variables)

    def step(document: Document, result: Document, _variables: Variables) -> Document:
        return _narrowed(result, path, position_in(document))

    return step


def _narrowed(document: Document, path: Path, position: int | None) -> Document:
    """Return the document with only one element of the first array on the way; None refuses any.

    Where a step of the path leads nowhere, the server stays where it is and takes the next step there.
    """
    value: Any = document
    depth = 0
    while depth < len(path) and not isinstance(value, list):
        if isinstance(value, dict):
            value = value.get(path[depth], value)
        depth += 1
    if not isinstance(value, list):
        return document
    if position is None:
        raise CommandFailure(NO_POSITION, "positional operator '.$' found no matching element")
    if position >= len(value):
        raise CommandFailure(POSITION_BEYOND, "positional operator '.$' element mismatch")
    return _with_value(document, path[:depth], [value[position]])


def _with_value(document: Document, path: Path, value: Any) -> Document:
    name, rest = path[0], path[1:]
    if rest:
        below = document.get(name)
        value = _with_value(below if isinstance(below, dict) else {}, rest, value)
    return {**document, name: value}
