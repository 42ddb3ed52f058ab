"""The OpenAPI 3.1 document, made from the same declarations as the routes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from proxy.http.declared import Answer, Member, Route
from proxy.http.problems import CONTENT_TYPE, PROBLEMS
from proxy.http.routes import ROUTES, SCHEMAS, problems_of

_HEADERS: Final[Mapping[str, str]] = {
    "ETag": "The version of the document, made from its `__v` and `updatedAt`",
    "Location": "Where it is",
    "Content-Range": "Which bytes these are, of how many",
    "Content-Disposition": "The name of the file",
}
_CONDITIONS: Final[Mapping[str, str]] = {
    "If-Match": "Only if the document is at one of these versions",
    "If-None-Match": "Only if the document is at none of these versions",
    "If-Range": "Only if it is at this version a part, else everything",
    "Range": "One range of bytes: `bytes=0-99`, `bytes=100-`, `bytes=-100`",
}
_JSON: Final = "application/json"
_KEY: Final = "The same key with the same request is answered again, and done once"
_TRANSACTION: Final = "The id of the transaction to which this belongs"


def document(entities: Sequence[str], *, methods: Sequence[Route], version: str) -> dict[str, Any]:
    """Return the document of an API with these entities, and the methods of some of them."""
    paths: dict[str, dict[str, Any]] = {}
    for route in (*ROUTES, *methods):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, entities)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Parallax",
            "version": version,
            "description": "Documents of one application, whichever database they are in.",
        },
        "paths": paths,
        "components": {
            "schemas": dict(SCHEMAS),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(route: Route, entities: Sequence[str]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": f"Takes the scope `{route.scope}`.",
        "parameters": list(_parameters(route, entities)),
        "responses": dict(_responses(route)),
    }
    if route.entity is not None:
        operation["tags"] = [route.entity]
    if route.content is not None:
        binary = {"type": "string", "contentMediaType": route.content}
        operation["requestBody"] = {"content": {route.content: {"schema": binary}}}
    if route.body is not None:
        content = {"application/json": {"schema": route.body.schema}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(route: Route, entities: Sequence[str]) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", route.path):
        schema: dict[str, Any] = {"type": "string", "minLength": 1}
        if name == "entity":
            schema = {"type": "string", "enum": list(entities)}
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    yield from map(_query, route.query)
    for name in route.conditions:
        yield _header(name, _CONDITIONS[name])
    if route.writes:
        yield _header("Idempotency-Key", _KEY, pattern="^[!-~]{1,255}$")
    if route.transactional:
        yield _header("Transaction", _TRANSACTION)


def _query(member: Member) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": member.name,
        "in": "query",
        "required": member.required,
        "description": member.meaning,
    }
    if member.schema["type"] == "object":
        told["content"] = {"application/json": {"schema": member.schema}}
    else:
        told["schema"] = member.schema
    return told


def _header(name: str, meaning: str, *, pattern: str | None = None) -> dict[str, Any]:
    schema = {"type": "string"} if pattern is None else {"type": "string", "pattern": pattern}
    return {"name": name, "in": "header", "description": meaning, "schema": schema}


def _responses(route: Route) -> Iterator[tuple[str, dict[str, Any]]]:
    for status, answer in route.answers.items():
        yield str(status), _answer(answer)
    by_status: dict[int, list[str]] = {}
    for code in sorted(problems_of(route)):
        by_status.setdefault(PROBLEMS[code].status.value, []).append(code.value)
    for number, codes in sorted(by_status.items()):
        content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        yield str(number), {"description": ", ".join(codes), "content": content}


def _answer(answer: Answer) -> dict[str, Any]:
    told: dict[str, Any] = {"description": answer.meaning}
    if answer.headers:
        told["headers"] = {
            name: {"description": _HEADERS[name], "schema": {"type": "string"}}
            for name in answer.headers
        }
    if answer.content != _JSON:
        told["content"] = {answer.content: {}}
    if answer.schema is not None:
        schema = {"$ref": f"#/components/schemas/{answer.schema}"}
        told["content"] = {_JSON: {"schema": schema}}
    return told
