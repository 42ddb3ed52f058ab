"""`$jsonSchema`: MongoDB's dialect of JSON Schema, draft 4.

Source: MongoDB manual, "$jsonSchema"; what a server refuses, and with which code, was observed on 6.0.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.regex import Regex

from adapters.query.failures import CommandFailure
from adapters.query.filter.numbers import FAILED_TO_PARSE, natural_number
from adapters.query.filter.patterns import literal_pattern
from adapters.query.types import NUMBER_TYPES, TYPE_NUMBERS, is_number, type_name
from adapters.query.unsupported import unsupported
from comparators.order import unordered_key

BAD_VALUE: Final = 2
TYPE_MISMATCH: Final = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A limit of numbers, itself inside unless it is `exclusive`."""

    value: Any
    exclusive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What a value has to be like; None, or nothing inside, for what is not asked.

    Each demand is one of values of a certain type, and values of other types meet it.
    """

    types: frozenset[int] | None = None
    enum: tuple[Any, ...] | None = None
    all_of: "tuple[Schema, ...]" = ()
    any_of: "tuple[Schema, ...]" = ()
    one_of: "tuple[Schema, ...]" = ()
    none_of: "tuple[Schema, ...]" = ()
    minimum: Bound | None = None
    maximum: Bound | None = None
    multiple_of: Any = None
    least_length: int = 0
    most_length: int | None = None
    pattern: Regex[str] | None = None
    items: "Schema | None" = None
    """The schema of every item."""
    first_items: "tuple[Schema, ...] | None" = None
    """The schemas of the items at the beginning, one for each."""
    other_items: "Schema | bool" = True
    """The schema of the items behind those, or whether there may be any."""
    least_items: int = 0
    most_items: int | None = None
    unique_items: bool = False
    required: frozenset[str] = frozenset()
    properties: "Mapping[str, Schema]"
    pattern_properties: "tuple[tuple[Regex[str], Schema], ...]" = ()
    other_properties: "Schema | bool" = True
    least_properties: int = 0
    most_properties: int | None = None
    dependencies: "tuple[tuple[str, Schema | frozenset[str]], ...]" = ()


def leaves_nothing(schema: Schema) -> bool:
    """Return whether no document can meet a schema, as far as MongoDB sees it without one."""
    return (
        (schema.types is not None and TYPE_NUMBERS["object"] not in schema.types)
        or (schema.enum is not None and not any(isinstance(each, dict) for each in schema.enum))
        or any(map(leaves_nothing, schema.all_of))
        or (bool(schema.any_of) and all(map(leaves_nothing, schema.any_of)))
    )


def parse_schema(given: Any) -> Schema:
    """Return the tree of a schema of documents."""
    if not isinstance(given, Mapping):
        raise CommandFailure(TYPE_MISMATCH, "$jsonSchema must be an object")
    return _schema(given, of_document=True)


def _schema(given: Mapping[str, Any], *, of_document: bool = False) -> Schema:
    """Parse a schema; one `of_document` is applied to a whole document, which is no string or number."""
    for name in given:
        if name in _NOT_SUPPORTED:
            raise _failed(f"$jsonSchema keyword '{name}' is not currently supported")
        if name in _ENCRYPTION:
            raise unsupported("$jsonSchema with encrypt", where="filter")
        if name not in _KEYWORDS:
            raise _failed(f"Unknown $jsonSchema keyword: {name}")
    for name in ("title", "description"):
        if not isinstance(given.get(name, ""), str):
            raise _mismatch(f"$jsonSchema keyword '{name}' must be of type string")
    if "type" in given and "bsonType" in given:
        raise _failed("Cannot specify both $jsonSchema keywords 'type' and 'bsonType'")
    parsed: dict[str, Any] = {"properties": {}}
    for name, parse in _KEYWORDS.items():
        if name in given and parse is not None:
            parsed.update(parse(given, name, of_document))
    return Schema(**parsed)


def _failed(reason: str) -> CommandFailure:
    return CommandFailure(FAILED_TO_PARSE, reason)


def _mismatch(reason: str) -> CommandFailure:
    return CommandFailure(TYPE_MISMATCH, reason)


Parsed = Mapping[str, Any]
Parse = Callable[[Mapping[str, Any], str, bool], Parsed]


def _nested(value: Any, *, where: str, of_document: bool = False) -> Schema:
    if isinstance(value, DBRef):
        value = value.as_doc()
    if not isinstance(value, Mapping):
        raise _mismatch(f"{where} must be an object")
    return _schema(value, of_document=of_document)


def _types(given: Mapping[str, Any], name: str, _of_document: bool) -> Parsed:
    value = given[name]
    named = [value] if isinstance(value, str) else value
    if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        raise _mismatch(f"$jsonSchema keyword '{name}' must be a string or an array of strings")
    if not named:
        raise _failed(f"$jsonSchema keyword '{name}' must name at least one type")
    if len(set(named)) < len(named):
        raise _failed(f"$jsonSchema keyword '{name}' has duplicate value")
    return {"types": frozenset().union(*(_numbers_of(each, name) for each in named))}


def _numbers_of(alias: str, keyword: str) -> frozenset[int]:
    if alias == "integer":
        raise _failed("$jsonSchema type 'integer' is not currently supported.")
    if alias == "number":
        return NUMBER_TYPES
    known = _JSON_TYPES if keyword == "type" else TYPE_NUMBERS
    if alias not in known:
        raise CommandFailure(BAD_VALUE, f"Unknown type name alias: {alias}")
    return frozenset({known[alias]})


def _enum(given: Mapping[str, Any], name: str, _of_document: bool) -> Parsed:
    values = given[name]
    if not isinstance(values, list):
        raise _mismatch("$jsonSchema keyword 'enum' must be an array")
    if not values:
        raise _failed("$jsonSchema keyword 'enum' cannot be an empty array")
    if len(set(map(unordered_key, values))) < len(values):
        raise _failed("$jsonSchema keyword 'enum' array cannot contain duplicate values.")
    return {"enum": tuple(values)}


def _combined(target: str) -> Parse:
    def parse(given: Mapping[str, Any], name: str, of_document: bool) -> Parsed:
        value = given[name]
        if not isinstance(value, list):
            raise _mismatch(f"$jsonSchema keyword '{name}' must be an array")
        if not value:
            raise CommandFailure(
                BAD_VALUE, f"$jsonSchema keyword '{name}' must be a non-empty array"
            )
        where = f"an element of $jsonSchema keyword '{name}'"
        return {
            target: tuple(_nested(each, where=where, of_document=of_document) for each in value)
        }

    return parse


def _not(given: Mapping[str, Any], name: str, of_document: bool) -> Parsed:
    where = "$jsonSchema keyword 'not'"
    return {"none_of": (_nested(given[name], where=where, of_document=of_document),)}


def _bound(given: Mapping[str, Any], name: str, _of_document: bool) -> Parsed:
    if not is_number(given[name]):
        raise _mismatch(f"$jsonSchema keyword '{name}' must be a number")
    flag = given.get(_EXCLUSIVE[name], False)
    return {name: Bound(value=given[name], exclusive=flag is True)}


def _exclusive(given: Mapping[str, Any], name: str, _of_document: bool) -> Parsed:
    limit = "minimum" if name == "exclusiveMinimum" else "maximum"
    if limit not in given:
        raise _failed(f"$jsonSchema keyword '{limit}' must be a present if {name} is present")
    if not isinstance(given[name], bool):
        raise _mismatch(f"$jsonSchema keyword '{name}' must be a boolean")
    return {}


def _multiple_of(given: Mapping[str, Any], name: str, of_document: bool) -> Parsed:
    value = given[name]
    if not is_number(value):
        raise _mismatch("$jsonSchema keyword 'multipleOf' must be a number")
    exact = value.to_decimal() if isinstance(value, Decimal128) else value
    if not math.isnan(exact) and exact <= 0:
        raise _failed("$jsonSchema keyword 'multipleOf' must have a positive value")
    if of_document:
        return {}
    if not math.isfinite(exact):
        raise CommandFailure(BAD_VALUE, "the divisor of 'multipleOf' must be finite")
    return {"multiple_of": value}


def _count(target: str) -> Parse:
    def parse(given: Mapping[str, Any], name: str, _of_document: bool) -> Parsed:
        return {target: natural_number(given[name], what=name, code=FAILED_TO_PARSE)}

    return parse


def _pattern(given: Mapping[str, Any], name: str, of_document: bool) -> Parsed:
    if not isinstance(given[name], str):
        raise _mismatch("$jsonSchema keyword 'pattern' must be a string")
    # A document is no string: the server does not even compile the pattern.
    return {} if of_document else {"pattern": literal_pattern(Regex(given[name]))}


def _items(given: Mapping[str, Any], name: str, _of_document: bool) -> Parsed:
    value = given[name]
    if isinstance(value, list):
        where = "each element of $jsonSchema keyword 'items'"
        return {"first_items": tuple(_nested(each, where=where) for each in value)}
    return {"items": _nested(value, where="$jsonSchema keyword 'items'")}


def _others(target: str) -> Parse:
    def parse(given: Mapping[str, Any], name: str, _of_document: bool) -> Parsed:
        value = given[name]
        if isinstance(value, bool):
            return {target: value}
        return {target: _nested(value, where=f"$jsonSchema keyword '{name}'")}

    return parse


def _unique_items(given: Mapping[str, Any], name: str, _of_document: bool) -> Parsed:
    if not isinstance(given[name], bool):
        raise _mismatch("$jsonSchema keyword 'uniqueItems' must be a boolean")
    return {"unique_items": given[name]}


def _required(given: Mapping[str, Any], name: str, _of_document: bool) -> Parsed:
    return {"required": _names(given[name], where="$jsonSchema keyword 'required'")}


def _names(value: Any, *, where: str) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _mismatch(f"{where} must be an array of strings")
    if not value:
        raise _failed(f"{where} cannot be an empty array")
    if len(set(value)) < len(value):
        raise _failed(f"{where} cannot contain duplicate values")
    return frozenset(value)


def _named(value: Any, *, where: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping | DBRef):
        raise _mismatch(f"{where} must be an object")
    yield from (value.as_doc() if isinstance(value, DBRef) else value).items()


def _properties(given: Mapping[str, Any], name: str, _of_document: bool) -> Parsed:
    where = "$jsonSchema keyword 'properties'"
    return {
        "properties": {
            each: _nested(schema, where=f"Nested schema for $jsonSchema property '{each}'")
            for each, schema in _named(given[name], where=where)
        }
    }


def _pattern_properties(given: Mapping[str, Any], name: str, _of_document: bool) -> Parsed:
    where = "$jsonSchema keyword 'patternProperties'"
    return {
        "pattern_properties": tuple(
            (literal_pattern(Regex(each)), _nested(schema, where=f"property '{each}' of {where}"))
            for each, schema in _named(given[name], where=where)
        )
    }


def _dependencies(given: Mapping[str, Any], name: str, of_document: bool) -> Parsed:
    where = "$jsonSchema keyword 'dependencies'"
    found: list[tuple[str, Schema | frozenset[str]]] = []
    for each, value in _named(given[name], where=where):
        if isinstance(value, Mapping):
            found.append((each, _nested(value, where=where, of_document=of_document)))
        elif isinstance(value, list):
            found.append((each, _names(value, where=f"array '{each}' in {where}")))
        else:
            raise _mismatch(f"property '{each}' in {where} is a {type_name(value)}")
    return {"dependencies": tuple(found)}


_JSON_TYPES: Final[Mapping[str, int]] = {
    "array": TYPE_NUMBERS["array"],
    "boolean": TYPE_NUMBERS["bool"],
    "null": TYPE_NUMBERS["null"],
    "object": TYPE_NUMBERS["object"],
    "string": TYPE_NUMBERS["string"],
}
_EXCLUSIVE: Final[Mapping[str, str]] = {
    "minimum": "exclusiveMinimum",
    "maximum": "exclusiveMaximum",
}
_NOT_SUPPORTED: Final = frozenset({"$ref", "$schema", "default", "definitions", "format", "id"})
_ENCRYPTION: Final = frozenset({"encrypt", "encryptMetadata"})
_KEYWORDS: Final[Mapping[str, Parse | None]] = {
    "title": None,
    "description": None,
    "bsonType": _types,
    "type": _types,
    "pattern": _pattern,
    "maxLength": _count("most_length"),
    "minLength": _count("least_length"),
    "multipleOf": _multiple_of,
    "maximum": _bound,
    "exclusiveMaximum": _exclusive,
    "minimum": _bound,
    "exclusiveMinimum": _exclusive,
    "minItems": _count("least_items"),
    "maxItems": _count("most_items"),
    "uniqueItems": _unique_items,
    "items": _items,
    "additionalItems": _others("other_items"),
    "required": _required,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _others("other_properties"),
    "minProperties": _count("least_properties"),
    "maxProperties": _count("most_properties"),
    "dependencies": _dependencies,
    "allOf": _combined("all_of"),
    "anyOf": _combined("any_of"),
    "oneOf": _combined("one_of"),
    "not": _not,
    "enum": _enum,
}
"""What each keyword takes, in the order a server reads them; None for those that only describe."""
