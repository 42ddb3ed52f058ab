"""From a projection document to its tree.

Source: MongoDB manual, "Projection Restrictions"; the codes were observed on MongoDB 6.0.
"""

from collections.abc import Mapping
from typing import Any, Final

from bson.dbref import DBRef

from adapters.query.expression import Scope, check_field_name, field_path, parse_expression
from adapters.query.failures import CommandFailure
from adapters.query.filter import (
    EVERYTHING,
    ElementMatches,
    ElementSatisfies,
    Filter,
    holds_expression,
    holds_schema,
    parse_filter,
    texts_of,
)
from adapters.query.filter.numbers import INT32_MAX
from adapters.query.paths import Path
from adapters.query.projection.tree import (
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
from adapters.query.types import is_document, is_number, truth
from adapters.query.unsupported import unsupported

COLLISION_BELOW: Final = 31249
COLLISION: Final = 31250
OBJECT_IN_EXCLUSION: Final = 31252
INCLUSION_IN_EXCLUSION: Final = 31253
EXCLUSION_IN_INCLUSION: Final = 31254
POSITIONAL_AND_ELEMENT: Final = 31255
POSITIONAL_OBJECT: Final = 31271
ELEMENT_NEEDS_OBJECT: Final = 31274
ELEMENT_NESTED: Final = 31275
POSITIONAL_TWICE: Final = 31276
POSITIONAL_LITERAL: Final = 31308
EXPRESSION_IN_EXCLUSION: Final = 31310
UNKNOWN_EXPRESSION: Final = 31325
POSITIONAL_INSIDE: Final = 31394
POSITIONAL_IN_EXCLUSION: Final = 31395
EMPTY_OBJECT: Final = 51270
UNRECOGNIZED_OPERATOR: Final = 168
BAD_VALUE: Final = 2
FEATURE_NOT_ALLOWED: Final = 224

_POSITIONAL: Final = ".$"


def parse_projection(
    document: Mapping[str, Any],
    *,
    filter: Filter = EVERYTHING,  # noqa: A002 - MongoDB's word
    variables: Scope = frozenset(),
) -> Projection:
    """Return the tree; `variables` are the names that its expressions may use (`let`).

    `filter` is the query beside it: `.$` may not be used with every query.
    """
    known = not (holds_expression(filter) or holds_schema(filter))
    if texts_of(filter) and any(name.endswith(_POSITIONAL) for name in document):
        raise CommandFailure(BAD_VALUE, "$text is not allowed in this context")
    reading = _Reading(variables, positions_known=known)
    for name, value in document.items():
        reading.field(name, value)
    return reading.projection()


class _Reading:
    """What is known of a projection while its fields are read."""

    def __init__(self, scope: Scope, *, positions_known: bool) -> None:
        self.scope = scope
        self.positions_known = positions_known
        self.root: dict[str, Any] = {}
        self.mode: Mode | None = None
        self.positional: Path | None = None
        self.slices = False
        self.elements = False
        self.includes_id = False

    def projection(self) -> Projection:
        """Return the tree of all fields read."""
        mode = self.mode or self._mode_by_default()
        if mode is Mode.INCLUSION:
            self.root.setdefault("_id", Include())
            if isinstance(self.root["_id"], Exclude):
                del self.root["_id"]
        return Projection(mode=mode, root=_branch(self.root), positional=self.positional)

    def _mode_by_default(self) -> Mode:
        included = self.includes_id or (self.elements and not self.slices)
        return Mode.INCLUSION if included else Mode.EXCLUSION

    def field(self, name: str, value: Any) -> None:
        """Read one field of the projection document."""
        if name.endswith(_POSITIONAL):
            self._positional(name[: -len(_POSITIONAL)], value)
            return
        if f"{_POSITIONAL}." in name:
            raise CommandFailure(POSITIONAL_INSIDE, "positional operator in the middle of a path")
        self._value(field_path(name), value)

    def _positional(self, name: str, value: Any) -> None:
        path = field_path(name)
        if is_document(value):
            raise CommandFailure(POSITIONAL_OBJECT, "positional projection of an expression")
        if not _is_flag(value):
            raise CommandFailure(POSITIONAL_LITERAL, "positional projection of a literal")
        if not truth(value) or self.mode is Mode.EXCLUSION:
            raise CommandFailure(POSITIONAL_IN_EXCLUSION, "positional projection in exclusion")
        if self.positional is not None:
            raise CommandFailure(POSITIONAL_TWICE, "more than one positional projection")
        if self.elements:
            raise CommandFailure(POSITIONAL_AND_ELEMENT, "positional operator and $elemMatch")
        if not self.positions_known:
            raise CommandFailure(
                FEATURE_NOT_ALLOWED, "$expr and $jsonSchema are not allowed beside '.$'"
            )
        self.positional = path
        self.mode = Mode.INCLUSION
        self._put(path, Include())

    def _value(self, path: Path, value: Any) -> None:
        document = value.as_doc() if isinstance(value, DBRef) else value
        if isinstance(document, dict):
            self._object(path, document)
        elif _is_flag(value):
            self._flag(path, included=truth(value))
        else:
            self._computed(path, value)

    def _flag(self, path: Path, *, included: bool) -> None:
        self._put(path, Include() if included else Exclude())
        if path == ("_id",):
            self.includes_id = included
        elif self.mode is None:
            self.mode = Mode.INCLUSION if included else Mode.EXCLUSION
        elif included and self.mode is Mode.EXCLUSION:
            raise CommandFailure(INCLUSION_IN_EXCLUSION, "inclusion in exclusion projection")
        elif not included and self.mode is Mode.INCLUSION:
            raise CommandFailure(EXCLUSION_IN_INCLUSION, "exclusion in inclusion projection")

    def _object(self, path: Path, document: dict[str, Any]) -> None:
        if not document:
            raise CommandFailure(EMPTY_OBJECT, "An empty sub-projection is not a valid value.")
        operator = next(iter(document))
        if not operator.startswith("$") or len(document) > 1:
            for name, value in document.items():
                check_field_name(name.split(".", 1)[0])
                self._value((*path, *field_path(name)), value)
        elif operator == "$elemMatch":
            self._element(path, document[operator])
        elif operator == "$slice":
            self._slice(path, document)
        elif operator == "$meta":
            raise unsupported("$meta", where="projection")
        else:
            self._computed(path, document)

    def _element(self, path: Path, operand: Any) -> None:
        if not is_document(operand):
            raise CommandFailure(ELEMENT_NEEDS_OBJECT, "elemMatch: Invalid argument")
        if len(path) > 1:
            raise CommandFailure(ELEMENT_NESTED, "Cannot use $elemMatch on a nested field.")
        if self.positional is not None:
            raise CommandFailure(POSITIONAL_AND_ELEMENT, "positional operator and $elemMatch")
        condition = parse_filter({path[0]: {"$elemMatch": operand}})
        assert isinstance(condition, ElementMatches | ElementSatisfies)  # noqa: S101 - by the operator
        self.elements = True
        self._put(path, FirstElement(condition=condition))

    def _slice(self, path: Path, document: dict[str, Any]) -> None:
        node = _slice_of_find(document["$slice"])
        try:
            if node is not None:
                self._put(path, node)
                self.slices = True
                return
        except CommandFailure as refused:
            # The server then takes it for an expression, and so its refusal is that of one.
            refused.add_note("$slice as an operator of find")
        self._computed(path, document)

    def _refuse_expression(self, code: int) -> None:
        if self.mode is Mode.EXCLUSION:
            raise CommandFailure(code, "expression in an exclusion projection")

    def _computed(self, path: Path, value: Any) -> None:
        if isinstance(value, dict):
            self._refuse_expression(OBJECT_IN_EXCLUSION)
        try:
            expression = parse_expression(value, variables=self.scope)
        except CommandFailure as refused:
            if refused.code == UNRECOGNIZED_OPERATOR:
                raise CommandFailure(UNKNOWN_EXPRESSION, refused.message) from refused
            raise
        self._put(path, Computed(expression=expression))
        self._refuse_expression(EXPRESSION_IN_EXCLUSION)
        self.mode = Mode.INCLUSION

    def _put(self, path: Path, node: Node) -> None:
        place = self.root
        for depth, name in enumerate(path[:-1]):
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                rest = ".".join(path[depth + 1 :])
                raise CommandFailure(COLLISION_BELOW, f"Path collision, remaining portion {rest}")
        if path[-1] in place:
            raise CommandFailure(COLLISION, f"Path collision at {'.'.join(path)}")
        place[path[-1]] = node


def _branch(children: Mapping[str, Any]) -> Branch:
    return Branch(
        children={
            name: _branch(child) if isinstance(child, dict) else child
            for name, child in children.items()
        }
    )


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool) or is_number(value)


def _slice_of_find(operand: Any) -> Slice | None:
    """Return the slice in the syntax of `find`; None if it can only be an expression."""
    if is_number(operand):
        return Slice(skip=None, limit=_int32(operand))
    if isinstance(operand, list) and len(operand) == 2 and all(is_number(each) for each in operand):
        skip, limit = (_int32(each) for each in operand)
        return Slice(skip=skip, limit=limit) if limit > 0 else None
    return None


def _int32(value: Any) -> int:
    """Return a number cut to 32 bits as the server cuts it: NaN is 0, what is too large is capped."""
    number = float(str(value))
    if number != number:  # noqa: PLR0124 - NaN
        return 0
    return int(min(max(number, -INT32_MAX - 1), INT32_MAX))
