"""`$redact`: what stays of a document is decided level by level.

Source: MongoDB manual, "$redact (aggregation)".
"""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any

from bson.dbref import DBRef

from adapters.evaluate.expressions import Evaluate, Variables, evaluator
from adapters.query.expression import Expression
from adapters.query.failures import CommandFailure
from comparators.canonical import MISSING

Document = dict[str, Any]


class Decision(Enum):
    """What the expression decides about one level."""

    KEEP = "keep"
    PRUNE = "prune"
    DESCEND = "descend"


_BINDINGS = {decision.name: decision for decision in Decision}


def redaction(
    expression: Expression, row: Callable[[Document], Variables]
) -> Callable[[Iterable[Document]], Iterator[Document]]:
    """Return the stage."""
    evaluate = evaluator(expression)

    def run(documents: Iterable[Document]) -> Iterator[Document]:
        for document in documents:
            variables = row(document)
            bound = variables._replace(user={**variables.user, **_BINDINGS})
            kept = _redacted(document, bound, evaluate)
            if kept is not MISSING:
                yield kept

    return run


def _redacted(document: Document, variables: Variables, evaluate: Evaluate) -> Any:
    decision = evaluate(variables._replace(current=document))
    if decision is Decision.KEEP:
        return document
    if decision is Decision.PRUNE:
        return MISSING
    if decision is not Decision.DESCEND:
        raise CommandFailure(
            17053, "$redact's expression should return $$KEEP, $$PRUNE or $$DESCEND"
        )
    made = {}
    for name, value in document.items():
        kept = _redacted_value(value, variables, evaluate)
        if kept is not MISSING:
            made[name] = kept
    return made


def _redacted_value(value: Any, variables: Variables, evaluate: Evaluate) -> Any:
    if isinstance(value, DBRef):
        value = value.as_doc()
    if isinstance(value, dict):
        return _redacted(value, variables, evaluate)
    if isinstance(value, list):
        items = [_redacted_value(item, variables, evaluate) for item in value]
        return [item for item in items if item is not MISSING]
    return value
