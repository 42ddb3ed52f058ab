"""From the documents of `$project`, `$addFields` and `$unset` to a shaping.

Source: MongoDB manual, "$project (aggregation)", "$addFields (aggregation)".
"""

from collections.abc import Mapping
from typing import Any, Final

from bson.dbref import DBRef

from adapters.query.expression import Expression, Scope, field_path, parse_expression
from adapters.query.failures import CommandFailure
from adapters.query.pipeline.tree import AddFields, Exclude, Include, Path, Shaping
from adapters.query.types import is_number, truth

PATH_COLLISION: Final = 31250
PATH_BELOW_COLLISION: Final = 31249

Leaves = dict[Path, Expression | None]
"""The paths that were named; None stands for a path that is kept or dropped as it is."""
Field = tuple[Path, bool | Expression, int]
"""A field of `$project`, with the code for a value that an exclusion may not have."""

EXPRESSION_IN_EXCLUSION: Final = 31310
OPERATOR_IN_EXCLUSION: Final = 31252


def parse_project(value: Any, scope: Scope) -> Include | Exclude:
    """Return an inclusion or an exclusion: the first field other than `_id` decides which."""
    if not isinstance(value, Mapping):
        raise CommandFailure(15969, "$project specification must be an object")
    if not value:
        raise CommandFailure(51272, "projection specification must have at least one field")
    fields = list(_flat(value, (), scope))
    including = _includes(fields)
    identity: bool | None = None
    leaves: Leaves = {}
    for path, item, refusal in fields:
        if path == ("_id",) and isinstance(item, bool):
            identity = item
            continue
        _check_kind(path, item, including, refusal)
        _add(leaves, path, None if isinstance(item, bool) else item)
    if not including:
        if identity is False:
            leaves[("_id",)] = None
        return Exclude(shaping=shaping_of(leaves))
    if identity is not False and not any(path[0] == "_id" for path in leaves):
        leaves[("_id",)] = None
    return Include(shaping=shaping_of(leaves))


def _includes(fields: list[Field]) -> bool:
    for path, item, _ in fields:
        if path != ("_id",) or not isinstance(item, bool):
            return item is not False
    return any(item is True for _, item, _ in fields)


def _check_kind(path: Path, item: bool | Expression, including: bool, refusal: int) -> None:
    name = ".".join(path)
    if including and item is False:
        raise CommandFailure(31254, f"Cannot do exclusion on field {name} in inclusion projection")
    if not including and item is True:
        raise CommandFailure(31253, f"Cannot do inclusion on field {name} in exclusion projection")
    if not including and not isinstance(item, bool):
        raise CommandFailure(refusal, f"Cannot use an expression {name} in an exclusion projection")


def _flat(document: Mapping[str, Any], above: Path, scope: Scope) -> list[Field]:
    found: list[Field] = []
    for name, value in document.items():
        if name == "$" or name.endswith(".$"):
            raise CommandFailure(
                31324, "Cannot use positional projection in aggregation projection"
            )
        path = above + field_path(name)
        if isinstance(value, bool) or is_number(value):
            found.append((path, truth(value), EXPRESSION_IN_EXCLUSION))
        elif isinstance(value, Mapping) and not _is_operator(value):
            if not value:
                raise CommandFailure(51270, "An empty sub-projection is not a valid value.")
            found += _flat(value, path, scope)
        else:
            operator = isinstance(value, Mapping)
            refusal = OPERATOR_IN_EXCLUSION if operator else EXPRESSION_IN_EXCLUSION
            found.append((path, _computed(value, scope), refusal))
    return found


def _is_operator(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith("$")


def _computed(value: Any, scope: Scope) -> Expression:
    try:
        return parse_expression(value, variables=scope)
    except CommandFailure as refused:
        if (
            refused.code == 168
            and isinstance(value, Mapping)
            and refused.message.endswith(f"'{next(iter(value))}'")
        ):
            if next(iter(value)) == "$elemMatch":
                raise
            raise CommandFailure(31325, f"Unknown expression {next(iter(value))}") from refused
        raise


def _add(leaves: Leaves, path: Path, item: Expression | None) -> None:
    if path in leaves or any(other[: len(path)] == path for other in leaves):
        raise CommandFailure(PATH_COLLISION, f"Path collision at {'.'.join(path)}")
    if any(path[: len(other)] == other for other in leaves):
        raise CommandFailure(PATH_BELOW_COLLISION, f"Path collision at {'.'.join(path)}")
    leaves[path] = item


def parse_add_fields(value: Any, scope: Scope, *, name: str = "$addFields") -> AddFields:
    if not isinstance(value, Mapping):
        raise CommandFailure(40272, f"{name} specification stage must be an object")
    leaves: Leaves = {}
    for field, item in value.items():
        _add_computed(leaves, field_path(field), item, scope)
    return AddFields(shaping=shaping_of(leaves))


def _add_computed(leaves: Leaves, path: Path, value: Any, scope: Scope) -> None:
    if isinstance(value, DBRef):
        value = value.as_doc()
    if not isinstance(value, Mapping):
        _add_new(leaves, path, parse_expression(value, variables=scope))
        return
    if not value:
        raise CommandFailure(40180, f"an empty object is not a valid value: {'.'.join(path)}")
    if any(name.startswith("$") for name in value):
        if len(value) != 1:
            raise CommandFailure(
                40181, "an expression specification must contain exactly one field"
            )
        _add_new(leaves, path, parse_expression(value, variables=scope))
        return
    for name, item in value.items():
        if "." in name:
            raise CommandFailure(40183, f"cannot use dotted field name '{name}' in a sub object")
        _add_computed(leaves, path + field_path(name), item, scope)


def _add_new(leaves: Leaves, path: Path, expression: Expression) -> None:
    for other in leaves:
        shorter = min(len(other), len(path))
        if other[:shorter] == path[:shorter]:
            raise CommandFailure(40176, "specification contains two conflicting paths")
    leaves[path] = expression


def parse_unset(value: Any) -> Exclude:
    paths = [value] if isinstance(value, str) else value
    if not isinstance(paths, list):
        raise CommandFailure(31002, "$unset specification must be a string or an array")
    if not paths:
        raise CommandFailure(31119, "$unset specification must have at least one field")
    leaves: Leaves = {}
    for path in paths:
        if not isinstance(path, str):
            raise CommandFailure(31120, "$unset specification must contain only string values")
    for path in paths:
        _add(leaves, field_path(path), None)
    return Exclude(shaping=shaping_of(leaves))


def shaping_of(leaves: Leaves) -> Shaping:
    """Return the tree of some paths, levels and names in the order they were first named."""
    kept: set[str] = set()
    computed: dict[str, Expression] = {}
    below: dict[str, Leaves] = {}
    order: dict[str, None] = {}
    for path, item in leaves.items():
        name, rest = path[0], path[1:]
        if rest:
            below.setdefault(name, {})[rest] = item
            order.setdefault(name)
        elif item is None:
            kept.add(name)
        else:
            computed[name] = item
            order.setdefault(name)
    return Shaping(
        kept=frozenset(kept),
        computed=computed,
        children={name: shaping_of(deeper) for name, deeper in below.items()},
        order=tuple(order),
    )
