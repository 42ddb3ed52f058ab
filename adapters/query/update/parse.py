"""From an update to its tree.

Source: MongoDB manual, "Update Operators"; the codes were observed on MongoDB 6.0.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from adapters.query.expression import Scope
from adapters.query.failures import CommandFailure
from adapters.query.filter import (
    And,
    ElementMatches,
    ElementSatisfies,
    ExpressionHolds,
    Filter,
    Nor,
    Not,
    Or,
    SchemaHolds,
    Text,
    parse_element_filter,
)
from adapters.query.paths import Path
from adapters.query.pipeline import parse_update_pipeline
from adapters.query.update.merge import merged_fields, tree_of
from adapters.query.update.operators import OPERATORS
from adapters.query.update.paths import identifier_of, is_dynamic, update_path
from adapters.query.update.tree import (
    Fields,
    Modification,
    MoveAway,
    MoveFrom,
    PipelineUpdate,
    Replacement,
    Update,
)

BAD_VALUE: Final = 2
FAILED_TO_PARSE: Final = 9
TYPE_MISMATCH: Final = 14

_NAME: Final = re.compile(r"[a-z][a-zA-Z0-9]*")


def parse_update(
    update: Mapping[str, Any] | Sequence[Any],
    array_filters: Sequence[Mapping[str, Any]] | None = None,
    *,
    variables: Scope = frozenset(),
) -> Update:
    """Return the tree of an update by operators, of a replacement or of a pipeline.

    `variables` are the names that a pipeline may use besides its own (`let`).
    """
    if not isinstance(update, Mapping):
        return _pipeline(update, array_filters, variables)
    if next(iter(update), "").startswith("$"):
        return _modification(update, array_filters or ())
    return _replacement(update)


def _pipeline(
    stages: Sequence[Any], array_filters: Sequence[Any] | None, variables: Scope
) -> PipelineUpdate:
    if array_filters:
        raise CommandFailure(FAILED_TO_PARSE, "arrayFilters may not be specified for pipelines")
    return PipelineUpdate(stages=parse_update_pipeline(list(stages), variables=variables))


def _replacement(document: Mapping[str, Any]) -> Replacement:
    return Replacement(document=document)


def _modification(update: Mapping[str, Any], array_filters: Any) -> Modification:
    if not isinstance(array_filters, list | tuple):
        raise CommandFailure(TYPE_MISMATCH, "arrayFilters must be an array")
    filters = dict(map(_array_filter, array_filters))
    if len(filters) < len(array_filters):
        raise CommandFailure(FAILED_TO_PARSE, "Found multiple array filters with the same name")
    root = Fields()
    used: set[str] = set()
    for operator, operands in update.items():
        for path, tree in _changes(operator, operands):
            root = merged_fields(root, tree)
            used |= _identifiers(path, filters)
    for name in filters:
        if name not in used:
            raise CommandFailure(FAILED_TO_PARSE, f"The array filter {name!r} was not used")
    return Modification(root=root, array_filters=filters)


def _changes(operator: str, operands: Any) -> Iterator[tuple[Path, Fields]]:
    if operator != "$rename" and operator not in OPERATORS:
        raise CommandFailure(FAILED_TO_PARSE, f"Unknown modifier: {operator}")
    if not isinstance(operands, dict):
        raise CommandFailure(FAILED_TO_PARSE, f"Modifiers operate on fields: {operator}")
    for text, operand in operands.items():
        path = update_path(text)
        if operator == "$rename":
            yield from _rename(path, operand)
        else:
            yield path, tree_of(path, OPERATORS[operator](operand))


def _rename(source: Path, operand: Any) -> Iterator[tuple[Path, Fields]]:
    # The source takes its place in the tree before anything else is looked at.
    yield source, tree_of(source, MoveAway())
    if not isinstance(operand, str):
        raise CommandFailure(BAD_VALUE, "The 'to' field for $rename must be a string")
    target = update_path(operand)
    if source == target:
        raise CommandFailure(BAD_VALUE, "The source and target field for $rename must differ")
    if source == target[: len(source)] or target == source[: len(target)]:
        raise CommandFailure(BAD_VALUE, "source and target must not be on the same path")
    if is_dynamic(source) or is_dynamic(target):
        raise CommandFailure(BAD_VALUE, "The fields for $rename may not be dynamic")
    yield target, tree_of(target, MoveFrom(source=source))


def _identifiers(path: Path, filters: Mapping[str, Filter]) -> set[str]:
    used = {name for name in map(identifier_of, path) if name}
    for name in used:
        if name not in filters:
            raise CommandFailure(BAD_VALUE, f"No array filter found for identifier {name!r}")
    return used


def _array_filter(document: Any) -> tuple[str, Filter]:
    """Return an array filter by its name, which is the first segment of all its paths."""
    if not isinstance(document, dict):
        raise CommandFailure(TYPE_MISMATCH, "an array filter must be a document")
    tree = parse_element_filter(document)
    names = sorted(set(_first_segments(tree)))
    if not names:
        raise CommandFailure(FAILED_TO_PARSE, "an array filter without a top-level field name")
    if len(names) > 1:
        raise CommandFailure(FAILED_TO_PARSE, f"Expected a single top-level field name: {names}")
    if not _NAME.fullmatch(names[0]):
        raise CommandFailure(BAD_VALUE, f"The top-level field name must be alphanumeric: {names}")
    return names[0], tree


def _first_segments(filter: Filter) -> Iterator[str]:  # noqa: A002 - MongoDB's word
    match filter:
        case And(children=children) | Or(children=children) | Nor(children=children):
            for child in children:
                yield from _first_segments(child)
        case Not(child=child):
            yield from _first_segments(child)
        case ExpressionHolds() | SchemaHolds() | Text():
            return
        case ElementMatches(path=path) | ElementSatisfies(path=path):
            yield path[0]
        case _:
            yield filter.path[0]
