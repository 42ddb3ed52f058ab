"""Which parts of documents a filter, a projection or a pipeline looks at."""

from collections.abc import Iterable, Sequence

from adapters.query.expression import Expression, paths_of, paths_of_all
from adapters.query.filter import And, ExpressionHolds, Filter, Nor, Not, Or, SchemaHolds, Text
from adapters.query.paths import Path, split_path
from adapters.query.pipeline import (
    Accumulation,
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
    ReplaceRoot,
    Skip,
    Sort,
    Stage,
    Unwind,
)
from adapters.query.pipeline.tree import Shaping

Paths = frozenset[Path]


def paths_of_filter(tree: Filter) -> Paths | None:
    """Return the paths that a filter looks at, None where it looks at the whole document."""
    match tree:
        case And(children=children) | Or(children=children) | Nor(children=children):
            return _union(map(paths_of_filter, children))
        case Not(child=child):
            return paths_of_filter(child)
        case ExpressionHolds(expression=expression):
            return paths_of(expression)
        case SchemaHolds() | Text():
            return None
        case _:
            return frozenset({tree.path})


def paths_of_pipeline(stages: Sequence[Stage]) -> Paths | None:
    """Return the paths that a pipeline looks at, None where documents come out of it as they went in."""
    found: set[Path] = set()
    for stage in stages:
        paths = _paths_of_stage(stage)
        if paths is None:
            return None
        found |= paths
        if isinstance(stage, Group | Include | Count | ReplaceRoot | Facet):
            return frozenset(found)
    return None


def _paths_of_stage(stage: Stage) -> Paths | None:
    match stage:
        case Match(filter=tree):
            return paths_of_filter(tree)
        case Sort(sort=sort):
            return frozenset(map(split_path, sort))
        case Limit() | Skip() | Count():
            return frozenset()
        case Group(key=key, accumulations=accumulations):
            return _union([paths_of(key), *map(_paths_of_accumulation, accumulations)])
        case Include(shaping=shaping) | AddFields(shaping=shaping):
            return _paths_of_shaping(shaping, ())
        case Exclude():
            return frozenset()
        case ReplaceRoot(root=root):
            return paths_of(root)
        case Unwind(path=path):
            return frozenset({path})
        case Lookup(local=local, into=into, bindings=bindings):
            around = {path for path in (local, into) if path is not None}
            return _union([frozenset(around), paths_of_all(each for _, each in bindings)])
        case GraphLookup(start=start, into=into):
            return _union([frozenset({into}), paths_of(start)])
        case Facet(pipelines=pipelines):
            return _union(paths_of_pipeline(each) for _, each in pipelines)
        case _:
            return None


def _paths_of_accumulation(accumulation: Accumulation) -> Paths | None:
    by = frozenset(map(split_path, accumulation.sort or {}))
    return _union([by, paths_of_all((accumulation.value, accumulation.count))])


def _paths_of_shaping(shaping: Shaping, above: Path) -> Paths | None:
    """Return the paths that a shaping keeps, computes, or computes from."""
    named = frozenset((*above, name) for name in (*shaping.kept, *shaping.computed))
    computed: Iterable[Expression] = shaping.computed.values()
    inner = (_paths_of_shaping(child, (*above, name)) for name, child in shaping.children.items())
    return _union([named, paths_of_all(computed), *inner])


def _union(paths: Iterable[Paths | None]) -> Paths | None:
    found: set[Path] = set()
    for each in paths:
        if each is None:
            return None
        found |= each
    return frozenset(found)
