"""The order in which MongoDB runs stages: what lets through fewer documents comes before what computes.

The result is the same, except that an expression never sees the documents that are left out, and so cannot fail
on them; and that which stages stand at the front, where another engine runs them, may change.
Source: MongoDB manual, "Aggregation Pipeline Optimization"; the server's `explain`, 6.0.
"""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Final

from adapters.query.expression import FieldPath, Variable
from adapters.query.filter.tree import And, ExpressionHolds, Filter, Nor, Not, Or, SchemaHolds, Text
from adapters.query.pipeline.tree import (
    AddFields,
    Exclude,
    GraphLookup,
    Include,
    Limit,
    Lookup,
    Match,
    Path,
    ReplaceRoot,
    Sample,
    Shaping,
    Skip,
    Sort,
    Stage,
    Unwind,
)

Keeps = Callable[[Path], bool]
"""Whether a stage leaves what lies at a path as it is."""

ONE_FOR_ONE: Final = (AddFields, Exclude, GraphLookup, Include, Lookup, ReplaceRoot)
"""Stages that give as many documents as they take."""


def rearranged(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Return the stages in the order in which MongoDB runs them."""
    arranged = list(stages)
    at = 0
    while at + 1 < len(arranged):
        pair = _arranged(arranged[at], arranged[at + 1])
        if pair is None:
            at += 1
        else:
            arranged[at : at + 2] = pair
            at = max(at - 1, 0)
    return tuple(arranged)


def _arranged(stage: Stage, following: Stage) -> list[Stage] | None:
    """Return what two neighbours become, None if they stay."""
    match following:
        case Match(filter=query) if isinstance(stage, Match):
            return [Match(filter=And(children=(*_parts(stage.filter), *_parts(query))))]
        case Match(filter=query):
            return _pushed(stage, query)
        case Sort() if isinstance(stage, Sort):
            return [following]
        case Limit() | Sample() | Skip() if isinstance(stage, ONE_FOR_ONE):
            return [following, stage]
        case _:
            return None


def _pushed(stage: Stage, query: Filter) -> list[Stage] | None:
    keeps = _kept_by(stage)
    if keeps is None:
        return None
    first = [part for part in _parts(query) if _is_independent(part, keeps)]
    if not first:
        return None
    rest = [part for part in _parts(query) if part not in first]
    return [Match(filter=_all_of(first)), stage, *([Match(filter=_all_of(rest))] if rest else [])]


def _parts(query: Filter) -> tuple[Filter, ...]:
    return query.children if isinstance(query, And) else (query,)


def _all_of(parts: list[Filter]) -> Filter:
    return parts[0] if len(parts) == 1 else And(children=tuple(parts))


def _is_independent(query: Filter, keeps: Keeps) -> bool:
    paths = list(_paths_of(query))
    return all(path is not None and keeps(path) for path in paths)


def _paths_of(node: Filter) -> Iterator[Path | None]:
    """Give the paths that a filter reads; None stands for the whole document."""
    match node:
        case And(children=children) | Or(children=children) | Nor(children=children):
            for child in children:
                yield from _paths_of(child)
        case Not(child=child):
            yield from _paths_of(child)
        case ExpressionHolds(expression=expression):
            yield from _read(expression)
        case SchemaHolds() | Text():
            yield None
        case _:
            yield node.path


def _read(node: Any) -> Iterator[Path | None]:
    if isinstance(node, FieldPath):
        yield node.path
    elif isinstance(node, Variable) and node.name in {"ROOT", "CURRENT"}:
        yield node.path or None
    elif isinstance(node, tuple):
        for each in node:
            yield from _read(each)
    elif is_dataclass(node):
        for each in fields(node):
            yield from _read(getattr(node, each.name))


def _kept_by(stage: Stage) -> Keeps | None:
    """Return which paths a stage keeps, None where no `$match` passes it."""
    match stage:
        case Sort():
            return lambda _path: True
        case Include(shaping=shaping):
            return lambda path: _is_included(shaping, path)
        case Exclude(shaping=shaping) | AddFields(shaping=shaping):
            return lambda path: _is_untouched(shaping, path)
        case Unwind(path=unwound, index=index):
            return lambda path: (
                _is_apart(path, unwound) and (index is None or _is_apart(path, index))
            )
        case Lookup(into=into) | GraphLookup(into=into):
            return lambda path: _is_apart(path, into)
        case _:
            return None


def _is_included(shaping: Shaping, path: Path) -> bool:
    name, rest = path[0], path[1:]
    if name in shaping.kept:
        return True
    return bool(rest) and name in shaping.children and _is_included(shaping.children[name], rest)


def _is_untouched(shaping: Shaping, path: Path) -> bool:
    name, rest = path[0], path[1:]
    if name in shaping.kept or name in shaping.computed:
        return False
    child = shaping.children.get(name)
    return child is None or (bool(rest) and _is_untouched(child, rest))


def _is_apart(path: Path, other: Path) -> bool:
    shorter = min(len(path), len(other))
    return path[:shorter] != other[:shorter]
