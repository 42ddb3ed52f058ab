"""Stages of an aggregation pipeline as plain values; those that compare say in which order (`comparing`).

Source: MongoDB manual, "Aggregation Stages".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from adapters.query.expression import Expression
from adapters.query.filter import Filter
from comparators.order import SIMPLE, ValueOrder

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaping:
    """What `$project`, `$addFields` and `$unset` do at one level of a document.

    `kept` are the names to keep or to drop (as the stage says), `computed` the new values,
    `children` the levels below; `order` lists the names of the latter two as they were given.
    """

    kept: frozenset[str] = frozenset()
    computed: Mapping[str, Expression]
    children: "Mapping[str, Shaping]"
    order: tuple[str, ...] = ()

    @property
    def computes(self) -> bool:
        """Whether there is a new value at this level or below."""
        return bool(self.computed) or any(child.computes for child in self.children.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """`$match`."""

    filter: Filter


@dataclass(frozen=True, slots=True, kw_only=True)
class Include:
    """`$project` that names what stays."""

    shaping: Shaping


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclude:
    """`$project` that names what goes, and `$unset`."""

    shaping: Shaping


@dataclass(frozen=True, slots=True, kw_only=True)
class AddFields:
    """`$addFields` and `$set`."""

    shaping: Shaping


@dataclass(frozen=True, slots=True, kw_only=True)
class Accumulation:
    """One field of a `$group`: `extra` holds the arguments beside the value (`n`, a sort)."""

    field: str
    operator: str
    value: Expression
    count: Expression | None = None
    sort: Mapping[str, int] | None = None
    comparing: ValueOrder = SIMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`$group`, and what `$sortByCount` is short for."""

    key: Expression
    accumulations: tuple[Accumulation, ...]
    comparing: ValueOrder = SIMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """`$bucket`; its boundaries and default must turn out to be constants."""

    by: Expression
    boundaries: tuple[Expression, ...]
    default: Expression | None
    accumulations: tuple[Accumulation, ...]
    comparing: ValueOrder = SIMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketAuto:
    """`$bucketAuto`; `granularity` names a series of numbers to round to, None for none."""

    by: Expression
    buckets: int
    granularity: str | None
    accumulations: tuple[Accumulation, ...]
    comparing: ValueOrder = SIMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """`$sort`."""

    sort: Mapping[str, int]
    comparing: ValueOrder = SIMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """`$limit`."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """`$skip`."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """`$sample`."""

    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """`$documents`: an expression that gives an array of documents."""

    documents: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """`$count`: no document comes out where none went in."""

    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwind:
    """`$unwind`; `index` names the field for the position, None for none."""

    path: Path
    index: Path | None = None
    keep_empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceRoot:
    """`$replaceRoot` and `$replaceWith`."""

    root: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """`$lookup`: by equal fields, by a pipeline, or both.

    `local` and `foreign` are None together; `pipeline` is None where there is none. `collection` is None
    where the pipeline gives its own documents.
    """

    collection: str | None
    into: Path
    local: Path | None
    foreign: Path | None
    bindings: tuple[tuple[str, Expression], ...] = ()
    pipeline: "tuple[Stage, ...] | None" = None
    comparing: ValueOrder = SIMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class UnionWith:
    """`$unionWith`; `collection` is None where the pipeline gives its own documents."""

    collection: str | None
    pipeline: "tuple[Stage, ...]" = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphLookup:
    """`$graphLookup`; `max_depth` and `depth_field` are None where they were left out."""

    collection: str
    start: Expression
    connect_from: Path
    connect_to: Path
    into: Path
    max_depth: int | None = None
    depth_field: Path | None = None
    restriction: Filter | None = None
    comparing: ValueOrder = SIMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """`$facet`: several pipelines over the same documents."""

    pipelines: "tuple[tuple[str, tuple[Stage, ...]], ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redact:
    """`$redact`."""

    expression: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Which documents around one are in its window: by place, or by the range of the sort key.

    None stands for no bound, "current" for the document itself.
    """

    by_range: bool
    lower: Any
    upper: Any
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One field of `$setWindowFields`: which arguments an operator has, its parser decides."""

    path: Path
    operator: str
    bounds: Bounds
    accumulation: Accumulation | None = None
    input: Expression | None = None
    unit_ms: int | None = None
    weight: Decimal = Decimal(0)
    by: int = 0
    default: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFields:
    """`$setWindowFields`."""

    partition: Expression | None
    sort: Mapping[str, Any] | None
    windows: tuple[Window, ...]
    comparing: ValueOrder = SIMPLE


class WhenMatched(StrEnum):
    """What `$merge` does to the document that it finds."""

    REPLACE = "replace"
    KEEP = "keepExisting"
    MERGE = "merge"
    FAIL = "fail"
    PIPELINE = "pipeline"
    """It runs a pipeline over it; MongoDB has no name for this."""


class WhenNotMatched(StrEnum):
    """What `$merge` does where it finds no document."""

    INSERT = "insert"
    DISCARD = "discard"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """`$merge`; `database` is None where the command's own is meant.

    `pipeline` is left as it was given: MongoDB parses it when the first document is there.
    """

    database: str | None
    collection: str
    on: tuple[str, ...]
    matched: WhenMatched
    not_matched: WhenNotMatched
    pipeline: tuple[Any, ...] = ()
    bindings: tuple[tuple[str, Expression], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Out:
    """`$out`; `database` is None where the command's own is meant."""

    database: str | None
    collection: str


class Extent(StrEnum):
    """Between which values `$densify` fills in."""

    FULL = "full"
    PARTITION = "partition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Densify:
    """`$densify`. `partition` is None without partitions, `bounds` a pair where they are explicit."""

    path: Path
    partition: Expression | None
    sort: Mapping[str, Any]
    """How it sorts its documents first."""
    step: Any
    unit: str | None
    bounds: Extent | tuple[Any, Any]
    comparing: ValueOrder = SIMPLE


Stage = (
    Match
    | Include
    | Exclude
    | AddFields
    | Group
    | Bucket
    | BucketAuto
    | Sample
    | Given
    | Sort
    | Limit
    | Skip
    | Count
    | Unwind
    | ReplaceRoot
    | Lookup
    | UnionWith
    | GraphLookup
    | Facet
    | Redact
    | Merge
    | Out
    | WindowFields
    | Densify
)


def collections_of(stages: tuple[Stage, ...]) -> frozenset[str]:
    """Return the other collections that the stages read."""
    found: set[str] = set()
    for stage in stages:
        if isinstance(stage, Lookup | UnionWith | GraphLookup) and stage.collection is not None:
            found.add(stage.collection)
        if isinstance(stage, Lookup | UnionWith) and stage.pipeline is not None:
            found |= collections_of(stage.pipeline)
        if isinstance(stage, Facet):
            for _, pipeline in stage.pipelines:
                found |= collections_of(pipeline)
    return frozenset(found)
