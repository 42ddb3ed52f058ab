"""Projections of `find`: from BSON to a typed tree."""

from adapters.query.projection.parse import parse_projection
from adapters.query.projection.tree import (
    WHOLE,
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

__all__ = [
    "WHOLE",
    "Branch",
    "Computed",
    "Exclude",
    "FirstElement",
    "Include",
    "Mode",
    "Node",
    "Projection",
    "Slice",
    "parse_projection",
]
