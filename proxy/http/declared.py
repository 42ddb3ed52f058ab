"""What a route is: declared once, for the router, the reading of requests, and the OpenAPI document."""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from aiohttp import web
from bson.datetime_ms import DatetimeMS
from bson.regex import Regex

from proxy.http import extended_json
from proxy.http.call import Call, Reply
from proxy.http.problems import Code, ProblemError
from proxy.http.tokens import Scope

Handler = Callable[[Call], Awaitable[Reply]]
Stream = Callable[[Call, web.Request], Awaitable[web.StreamResponse | Reply]]
"""Reads a body or sends an answer piece by piece."""
Schema = Mapping[str, Any]


class Kind(StrEnum):
    """What a member of a body, or a parameter, holds."""

    OBJECT = "object"
    OBJECTS = "array"
    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "string"
    BOOLEAN = "boolean"
    VALUE = "value"
    """One value of any type, which is no operator: neither an object, nor an array, nor a pattern."""
    DATE = "date"


_TYPES: Final[Mapping[Kind, tuple[type, ...]]] = {
    Kind.OBJECT: (dict,),
    Kind.OBJECTS: (list,),
    Kind.INTEGER: (int,),
    Kind.NUMBER: (int, float),
    Kind.TEXT: (str,),
    Kind.BOOLEAN: (bool,),
    Kind.VALUE: (object,),
    Kind.DATE: (DatetimeMS,),
}
_SCHEMAS: Final[Mapping[Kind, Schema]] = {
    Kind.OBJECTS: {"type": "array", "items": {"type": "object"}},
    Kind.VALUE: {"type": ["string", "number", "boolean", "object"]},
    Kind.DATE: {
        "type": "object",
        "properties": {"$date": {"type": "string", "format": "date-time"}},
        "required": ["$date"],
    },
}
"""Of the kinds that are no type of JSON's own; objects of `VALUE` are those of Extended JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of a body or one parameter; `least` and `most` bound its value, or its length."""

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    least: float | None = None
    most: float | None = None
    default: Any = None
    """What holds where it is not given."""

    @property
    def schema(self) -> Schema:
        """Return its JSON Schema."""
        low, high = _BOUNDS[self.kind]
        typed = _SCHEMAS.get(self.kind, {"type": self.kind.value})
        schema: dict[str, Any] = {**typed, "description": self.meaning}
        if self.least is not None:
            schema[low] = self.least
        if self.most is not None:
            schema[high] = self.most
        if self.default is not None:
            schema["default"] = self.default
        return schema

    def of_text(self, text: str) -> Any:
        """Return the value of a parameter: JSON, or the text itself where it is one."""
        return self.checked(text if self.kind is Kind.TEXT else extended_json.loads(text))

    def checked(self, value: Any) -> Any:
        """Return a value; ProblemError where it is none of this member."""
        wrong_type = not isinstance(value, _TYPES[self.kind])
        if wrong_type or (isinstance(value, bool) and self.kind not in _WITH_BOOLEANS):
            raise self._wrong(f"must be of type {self.kind.value}")
        if self.kind is Kind.OBJECTS and not all(isinstance(item, dict) for item in value):
            raise self._wrong("must hold objects alone")
        if self.kind is Kind.VALUE and isinstance(value, dict | list | Regex | None):
            raise self._wrong("must be one value")
        if self.kind is Kind.NUMBER and not math.isfinite(value):
            raise self._wrong("must be a number")
        size = len(value) if self.kind in _LONG else value
        if self.least is not None and size < self.least:
            raise self._wrong(f"must not be below {self.least:g}")
        if self.most is not None and size > self.most:
            raise self._wrong(f"must not be above {self.most:g}")
        return value

    def _wrong(self, why: str) -> ProblemError:
        return ProblemError(Code.BAD_PARAMETER, f"`{self.name}` {why}")


_WITH_BOOLEANS: Final = frozenset({Kind.BOOLEAN, Kind.VALUE})
_LONG: Final = frozenset({Kind.TEXT, Kind.OBJECTS, Kind.OBJECT})
_BOUNDS: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.OBJECT: ("minProperties", "maxProperties"),
    Kind.OBJECTS: ("minItems", "maxItems"),
    Kind.INTEGER: ("minimum", "maximum"),
    Kind.NUMBER: ("minimum", "maximum"),
    Kind.TEXT: ("minLength", "maxLength"),
    Kind.BOOLEAN: ("", ""),
    Kind.VALUE: ("", ""),
    Kind.DATE: ("", ""),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request carries: members that are known, or a whole document of the entity."""

    meaning: str
    members: tuple[Member, ...] | None = None
    """None where the body is a document as such."""

    @property
    def schema(self) -> Schema:
        """Return its JSON Schema."""
        if self.members is None:
            return {"type": "object", "description": self.meaning}
        return {
            "type": "object",
            "description": self.meaning,
            "properties": {member.name: member.schema for member in self.members},
            "required": [member.name for member in self.members if member.required],
            "additionalProperties": False,
        }

    def read(self, value: Any) -> Mapping[str, Any]:
        """Return the members by name; ProblemError for what is missing, unknown or wrong."""
        if not isinstance(value, dict):
            raise ProblemError(Code.BAD_PARAMETER, "the body must be an object")
        return value if self.members is None else read_members(self.members, value)


def read_members(members: tuple[Member, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of all members, with defaults for those that are not given."""
    unknown = sorted(given.keys() - {member.name for member in members})
    if unknown:
        raise ProblemError(Code.BAD_PARAMETER, f"`{unknown[0][:60]}` is not known here")
    read: dict[str, Any] = {}
    for member in members:
        if member.name in given:
            read[member.name] = member.checked(given[member.name])
        elif member.required:
            raise ProblemError(Code.BAD_PARAMETER, f"`{member.name}` is missing")
        else:
            read[member.name] = member.default
    return read


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a route answers where nothing is wrong; `schema` names a component, None for an empty body."""

    meaning: str
    schema: str | None = None
    content: str = "application/json"
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method on one path. `scope` None lets everybody in."""

    name: str
    method: str
    path: str
    summary: str
    scope: Scope | None
    answers: Mapping[int, Answer]
    entity: str | None = None
    """The entity that it is of; None where the path tells it, or for none."""
    query: tuple[Member, ...] = ()
    body: Body | None = None
    handler: Handler | None = None
    stream: Stream | None = None
    """What answers it piece by piece, instead of a handler."""
    content: str | None = None
    """The type of a body that is read piece by piece."""
    conditions: tuple[str, ...] = ()
    """Which of `If-Match` and `If-None-Match` it looks at."""
    writes: bool = False
    """It changes something, so that it may carry an `Idempotency-Key`."""
    changes: bool = False
    """It changes or deletes documents that are there, which is not done where they are only appended."""
    transactional: bool = False
    """It may carry the id of a `Transaction`."""
    owned: bool = False
    """A token of a user may call it: it finds what is theirs alone."""
    problems: tuple[Code, ...] = field(default=())
    """Those beyond what any route with its properties may answer."""
