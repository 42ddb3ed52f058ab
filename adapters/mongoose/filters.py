"""Casting of filters: each value to what its path holds. What the schema does not know stays as it is.

Source: Mongoose documentation, "Query Casting", "Schemas: strictQuery".
"""

from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import Any, Final

from bson.objectid import ObjectId
from bson.regex import Regex

from adapters.mongoose.casting import called, cast, double
from adapters.mongoose.documents import construct
from adapters.mongoose.errors import CastError, ObjectParameterError, OperatorError
from adapters.mongoose.javascript import plain
from adapters.mongoose.making import Making
from adapters.mongoose.minimizing import minimized
from adapters.mongoose.schema import Schema, SchemaType

LOGICAL: Final = frozenset({"$or", "$nor", "$and"})
AS_GIVEN: Final = frozenset({"$where", "$expr", "$text", "$comment", "$jsonSchema"})


def cast_filter(schema: Schema, given: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Return a filter with its values cast; CastError for one that cannot be."""
    made: dict[str, Any] = {}
    for path, value in given.items():
        if path in LOGICAL:
            # Mongoose leaves out one without branches, which MongoDB would refuse.
            if branches := _branches(schema, path, value, model):
                made[path] = branches
        elif path.startswith("$"):
            made[path] = plain(value)
        else:
            made[path] = cast_condition(schema, path, value, model)
    return made


def _branches(schema: Schema, name: str, value: Any, model: str) -> list[dict[str, Any]]:
    return [cast_filter(schema, each, model) for each in _only_documents(name, value, model)]


def _only_documents(name: str, value: Any, model: str) -> Sequence[Mapping[str, Any]]:
    if not isinstance(value, list | tuple):
        raise CastError.at(name, "Array", model=model)
    for at, each in enumerate(value):
        if not isinstance(each, Mapping):
            raise CastError.at(f"{name}.{at}", "Object", model=model)
    return value


def cast_condition(schema: Schema, path: str, value: Any, model: str) -> Any:
    """Return what a filter asks of one path, cast."""
    kind, rest = holder_of(schema, path)
    if kind is None or value is None:
        return plain(value)
    condition = Condition(kind=kind, rest=rest, path=path, model=model)
    return condition.cast(value)


def holder_of(schema: Schema, path: str) -> tuple[SchemaType | None, str]:
    """Return the type that a path leads to, through subdocuments and the elements of arrays.

    None where the schema does not know it, or holds anything there.
    """
    kind, rest = schema.find(path)
    while kind is not None and rest:
        name, _, below = rest.partition(".")
        if kind.instance in {"Array", "DocumentArray"} and (name.isdigit() or name.startswith("$")):
            if kind.inner is None:
                return kind.element, below
            if not below:
                return SchemaType(
                    path=kind.path, instance="Embedded", options={}, inner=kind.inner
                ), ""
            rest = below
        if kind.instance == "Map":
            kind, rest = kind.element, below
        elif kind.inner is not None:
            kind, rest = kind.inner.find(rest)
        else:
            return None, rest
    return kind, rest


def cast_array_filters(
    schema: Schema, filters: Sequence[Mapping[str, Any]], paths: Sequence[str], model: str
) -> list[dict[str, Any]]:
    """Return the filters on elements of arrays that the paths of an update name as `$[name]`, cast."""
    places = {
        part[2:-1]: ".".join(path.split(".")[: at + 1])
        for path in paths
        for at, part in enumerate(path.split("."))
        if part.startswith("$[") and part != "$[]"
    }
    return [
        {path: _on_element(schema, path, value, places, model) for path, value in each.items()}
        for each in filters
    ]


def _on_element(
    schema: Schema, path: str, value: Any, places: Mapping[str, str], model: str
) -> Any:
    name, dot, rest = path.partition(".")
    place = f"{places.get(name, name)}{dot}{rest}"
    try:
        return cast_condition(schema, place, value, model)
    except CastError as wrong:
        raise CastError.at(place.replace(f"[{name}]", ""), wrong.kind, model=model) from wrong


class Condition:
    """What a filter asks of one path."""

    def __init__(self, *, kind: SchemaType, rest: str, path: str, model: str) -> None:
        self._kind = kind
        self._rest = rest
        self._path = path
        self._model = model

    def cast(self, value: Any) -> Any:
        """Return a condition cast: a value, or operators."""
        if is_operators(value):
            return {name: self._operator(name, operand) for name, operand in value.items()}
        if isinstance(value, list | tuple) and self._kind.instance not in OF_MANY:
            return {"$in": [self.single(item) for item in value]}
        return self.equal(value)

    def _operator(self, name: str, operand: Any) -> Any:
        how = OPERATORS.get(name)
        if how is None or (name in FOR_ARRAYS and self._kind.instance not in HOLD_ARRAYS):
            if self._kind.instance == "Number":
                raise self._wrong("number")
            raise OperatorError.of(name, self._kind.instance, where=self._path)
        return how(self, operand)

    def equal(self, value: Any) -> Any:
        """Cast a value to be compared with the path: with an element of it where that holds many."""
        if isinstance(value, list | tuple) and self._kind.instance in OF_MANY:
            return [self.single(item) for item in value]
        return self.single(value)

    def single(self, value: Any) -> Any:
        """Cast one value."""
        if self._kind.instance == "Embedded" and not isinstance(value, Mapping | NoneType):
            raise self._wrong("Embedded")
        if self._kind.instance == "DocumentArray" and not isinstance(value, SUBDOCUMENTS):
            raise ObjectParameterError.at(self._path, model=self._model)
        if self._kind.inner is not None and isinstance(value, Mapping):
            return embedded(self._kind.inner, value, self._model)
        if self._kind.instance == "Map" and value is not None:
            if not isinstance(value, Mapping):
                raise self._wrong("Map")
            below = Condition(
                kind=self._kind.values, rest="", path=f"{self._path}.$*", model=self._model
            )
            return {name: below.single(item) for name, item in value.items()}
        kind = self._element()
        if value is None or isinstance(value, Regex) or kind is None:
            return plain(value)
        try:
            return cast(kind.instance, kind.options, value)
        except ValueError:
            raise self._wrong(called(kind)) from None

    def many(self, values: Any) -> list[Any]:
        """Cast each of a list; one value is a list of one."""
        listed = values if isinstance(values, list | tuple) else [values]
        return [value if value == [] else self.equal(value) for value in listed]

    def negated(self, value: Any) -> Any:
        """Cast what stands below `$not`."""
        return self.cast(value) if is_operators(value) else self.equal(value)

    def count(self, value: Any) -> Any:
        """Cast the operand of `$size`, or each of those of `$mod`."""
        if isinstance(value, list | tuple):
            return [self.count(each) for each in value]
        try:
            return double(value)
        except ValueError:
            raise self._wrong("Number") from None

    def element(self, value: Any) -> Any:
        """Cast what stands below `$elemMatch`: a filter on documents, or operators on values."""
        if not isinstance(value, Mapping):
            raise self._wrong("Object")
        if self._kind.inner is not None:
            return cast_filter(self._kind.inner, value, self._model)
        return self.cast(value) if is_operators(value) else plain(value)

    def _element(self) -> SchemaType | None:
        """Return the type of single values at the path; None where anything may stand."""
        kind: SchemaType | None = self._kind
        while kind is not None and kind.instance == "Array":
            kind = kind.element
        return None if kind is None or kind.inner is not None or kind.instance in OPEN else kind

    def _wrong(self, kind: str) -> CastError:
        # Mongoose tells the path inside the innermost subdocument.
        return CastError.at(self._kind.path or self._path, kind, model=self._model)


def embedded(schema: Schema, value: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Cast a subdocument to be compared with."""
    making = Making(model=model, now_ms=0, new_id=ObjectId)
    made = construct(schema, value, making)
    for problem in making.problems.values():
        raise CastError.at(problem.inner, problem.kind, model=model)
    return minimized(made, schema) if schema.minimize else made


def is_operators(value: Any) -> bool:
    """Return whether a condition is made of operators."""
    return isinstance(value, Mapping) and any(name.startswith("$") for name in value)


def _given(_condition: Condition, operand: Any) -> Any:
    return plain(operand)


OF_MANY: Final = frozenset({"Array", "DocumentArray", "Buffer"})
FOR_ARRAYS: Final = frozenset({"$size", "$elemMatch"})
SUBDOCUMENTS: Final = (Mapping, list, NoneType)
HOLD_ARRAYS: Final = OF_MANY | {"Mixed", "Embedded", "Map"}
OPEN: Final = frozenset({"Mixed", "Map"})

OPERATORS: Final[Mapping[str, Callable[[Condition, Any], Any]]] = {
    **dict.fromkeys(("$eq", "$ne"), Condition.equal),
    **dict.fromkeys(("$gt", "$gte", "$lt", "$lte"), Condition.single),
    **dict.fromkeys(("$in", "$nin", "$all"), Condition.many),
    "$size": Condition.count,
    "$mod": Condition.count,
    "$not": Condition.negated,
    "$elemMatch": Condition.element,
    **dict.fromkeys(
        (
            "$exists",
            "$type",
            "$regex",
            "$options",
            "$bitsAllSet",
            "$bitsAnySet",
            "$bitsAllClear",
            "$bitsAnyClear",
            "$geoWithin",
            "$geoIntersects",
            "$near",
            "$nearSphere",
            "$maxDistance",
            "$minDistance",
        ),
        _given,
    ),
}
"""How the operand of an operator is cast."""
