"""Plans as SQLAlchemy Core elements over a document table.

A document table has `id`, `ordinal`, `bson` and `body`. Values are parameters with fixed names, so that a
statement depends on the shape of a plan only and is compiled once per shape.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONPATH
from sqlalchemy.sql import ColumnElement

from adapters.sql.cut import SKIP, Limit, element, limit_of, parameter
from adapters.sql.plan import Order, Plan, Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionShape:
    """A selection without its values."""

    ids: str | None
    least: bool
    below: bool
    path: bool
    indexed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadShape:
    """A plan without its values: plans of one shape share a statement."""

    selection: SelectionShape
    order: Order
    skip: bool
    limit: Limit


def shape_of_selection(selection: Selection) -> SelectionShape:
    """Return the shape of a selection."""
    ids = selection.ids
    return SelectionShape(
        ids=None if ids is None else "one" if len(ids) == 1 else "many",
        least=selection.least is not None,
        below=selection.below is not None,
        path=selection.path is not None,
        indexed=selection.indexed,
    )


def shape_of(plan: Plan) -> ReadShape:
    """Return the shape of a plan."""
    return ReadShape(
        selection=shape_of_selection(plan.selection),
        order=plan.order,
        skip=bool(plan.skip),
        limit=limit_of(plan.limit, skip=plan.skip),
    )


def values_of(selection: Selection) -> dict[str, Any]:
    """Return the parameters of a selection by their names."""
    ids = selection.ids
    one = ids[0] if ids is not None and len(ids) == 1 else None
    return {
        "id": one,
        "ids": None if ids is None else list(ids),
        "least": selection.least,
        "below": selection.below,
        "path": selection.path,
    }


def read(documents: sa.Table, shape: ReadShape, *columns: ColumnElement[Any]) -> sa.Select[Any]:
    """Return the statement that reads the columns of the documents of a plan."""
    statement = (
        sa.select(*columns).select_from(documents).where(*conditions(documents, shape.selection))
    )
    # Added to 0, the ordinal has no index: with a limit the planner would otherwise walk all ordinals
    # in the hope of an early match instead of asking the index on bodies.
    natural = (
        documents.c.ordinal
        if not shape.selection.path
        else documents.c.ordinal + sa.literal_column("0")
    )
    match shape.order:
        case Order.NATURAL:
            statement = statement.order_by(natural)
        case Order.ID:
            statement = statement.order_by(documents.c.id)
        case Order.ID_DESCENDING:
            statement = statement.order_by(documents.c.id.desc())
        case Order.NONE:
            pass
    if shape.skip:
        statement = statement.offset(parameter(SKIP))
    if shape.limit is not None:
        statement = statement.limit(element(shape.limit))
    return statement


def conditions(documents: sa.Table, shape: SelectionShape) -> list[ColumnElement[bool]]:
    """Return the conditions of a selection."""
    found: list[ColumnElement[bool]] = []
    if shape.ids == "one":
        found.append(documents.c.id == sa.bindparam("id", type_=BYTEA))
    elif shape.ids == "many":
        found.append(documents.c.id == sa.any_(sa.bindparam("ids", type_=ARRAY(BYTEA))))
    if shape.least:
        found.append(documents.c.id >= sa.bindparam("least", type_=BYTEA))
    if shape.below:
        found.append(documents.c.id < sa.bindparam("below", type_=BYTEA))
    if shape.path:
        path = sa.cast(sa.bindparam("path", type_=JSONPATH), JSONPATH)
        matched: ColumnElement[bool] = documents.c.body.op("@@", is_comparison=True)(path)
        # A path without an equality would make the index be read as a whole: slower than the table.
        found.append(matched if shape.indexed else matched.is_(sa.true()))
    return found
