"""`$project`, `$addFields`, `$unset` and `$replaceRoot`: documents change one by one.

Source: MongoDB manual, "$project (aggregation)"; what becomes of arrays and scalars on the way of a
dotted path was observed on a server 6.0.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bson.dbref import DBRef

from adapters.evaluate.expressions import Variables, evaluator
from adapters.query.expression import Expression
from adapters.query.failures import CommandFailure
from adapters.query.pipeline import Shaping
from comparators.canonical import MISSING

Transform = Callable[[Variables], dict[str, Any]]
"""From the variables of a document to a new document."""
Reshape = Callable[[Mapping[str, Any]], dict[str, Any]]
Compute = Callable[[Variables, dict[str, Any]], None]


def inclusion(shaping: Shaping) -> Transform:
    """Keep what was named, in the order of the document, then add what is computed."""
    return _both(_keep(shaping), shaping)


def exclusion(shaping: Shaping) -> Transform:
    reshape = _drop(shaping)
    return lambda variables: reshape(variables.root)


def addition(shaping: Shaping) -> Transform:
    return _both(dict, shaping)


def replacement(expression: Expression) -> Transform:
    """Take a document that the expression gives."""
    evaluate = evaluator(expression)

    def transform(variables: Variables) -> dict[str, Any]:
        value = evaluate(variables)
        if isinstance(value, DBRef):
            return dict(value.as_doc())
        if not isinstance(value, dict):
            raise CommandFailure(40228, "'newRoot' expression must evaluate to an object")
        return value

    return transform


def _both(reshape: Reshape, shaping: Shaping) -> Transform:
    compute = _compute(shaping)

    def transform(variables: Variables) -> dict[str, Any]:
        made = reshape(variables.root)
        compute(variables, made)
        return made

    return transform


def _keep(shaping: Shaping) -> Reshape:
    kept = shaping.kept
    # Where a value is computed below, a scalar keeps its place: it becomes a document there.
    children = {
        name: (_keep(child), MISSING if child.computes else DROP)
        for name, child in shaping.children.items()
    }

    def reshape(document: Mapping[str, Any]) -> dict[str, Any]:
        made = {}
        for name, value in document.items():
            if name in kept:
                made[name] = value
            elif name in children:
                reshape_below, scalar = children[name]
                below = _below(value, reshape_below, scalar=scalar)
                if below is not DROP and below is not MISSING:
                    made[name] = below
        return made

    return reshape


def _drop(shaping: Shaping) -> Reshape:
    dropped = shaping.kept
    children = {name: _drop(child) for name, child in shaping.children.items()}

    def reshape(document: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: _below(value, children[name], scalar=KEEP) if name in children else value
            for name, value in document.items()
            if name not in dropped
        }

    return reshape


KEEP: Final = object()
"""Stands for the value itself."""
DROP: Final = object()
"""Stands for no value, also in arrays."""


def _below(value: Any, reshape: Reshape, *, scalar: Any) -> Any:
    """Apply to a document or to the documents of an array; `scalar` replaces anything else."""
    if isinstance(value, DBRef):
        value = value.as_doc()
    if isinstance(value, Mapping):
        return reshape(value)
    if isinstance(value, list):
        items = [_below(item, reshape, scalar=scalar) for item in value]
        return [item for item in items if item is not DROP]
    return value if scalar is KEEP else scalar


def _compute(shaping: Shaping) -> Compute:
    """Return what sets the computed fields: in place where the name exists, else at the end."""
    steps: list[tuple[str, Any, Compute | None]] = []
    for name in shaping.order:
        if name in shaping.computed:
            steps.append((name, evaluator(shaping.computed[name]), None))
        elif shaping.children[name].computes:
            steps.append((name, None, _compute(shaping.children[name])))

    def compute(variables: Variables, made: dict[str, Any]) -> None:
        for name, evaluate, below in steps:
            if below is None:
                value = evaluate(variables)
            else:
                value = _computed_below(variables, made.get(name, MISSING), below)
            if value is MISSING:
                made.pop(name, None)
            else:
                made[name] = value

    return compute


def _computed_below(variables: Variables, value: Any, compute: Compute) -> Any:
    if isinstance(value, list):
        return [_computed_below(variables, item, compute) for item in value]
    if isinstance(value, DBRef):
        value = value.as_doc()
    made = dict(value) if isinstance(value, Mapping) else {}
    compute(variables, made)
    return made
