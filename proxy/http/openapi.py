"""The OpenAPI 3.1 document, made from the same declarations as the routes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from adapters.repositories.appending import APPEND_ONLY
from proxy.http.answer_schemas import SCHEMAS
from proxy.http.declared import Answer, Body, Member, Route
from proxy.http.problems import CONTENT_TYPE, PROBLEMS
from proxy.http.routes import ROUTES, problems_of

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
TYPED: Final = frozenset({"list", "create", "get", "patch", "replace", "delete"})
"""Routes whose bodies and answers are documents of one entity."""
_JSON: Final = "application/json"
_KEY: Final = "The same key with the same request is answered again, and done once"
_TRANSACTION: Final = "The id of the transaction to which this belongs"


def document(
    entities: Sequence[str],
    *,
    methods: Sequence[Route],
    schemas: Mapping[str, Any],
    version: str,
) -> dict[str, Any]:
    """Return the document of an API with these entities, their schemas, and the methods of some of them."""
    paths: dict[str, dict[str, Any]] = {}
    for route in (*typed(entities), *methods):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, entities)
    shared = _share_responses(paths)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Parallax",
            "version": version,
            "description": "Documents of one application, whichever database they are in.",
        },
        "paths": paths,
        "components": {
            "schemas": {**SCHEMAS, **schemas},
            "responses": shared,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def typed(entities: Sequence[str]) -> Iterator[Route]:
    """Yield all routes, those of whole documents once for each entity: what they take and give is its own."""
    for route in ROUTES:
        if route.name not in TYPED:
            yield route
            continue
        for name in entities:
            path = route.path.replace("{entity}", name)
            yield replace(route, name=f"{name}_{route.name}", path=path, entity=name)


def _share_responses(paths: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Replace what is answered by many routes alike by references, and return it by name."""
    names: dict[str, str] = {}
    shared: dict[str, Any] = {}
    for operations in paths.values():
        for operation in operations.values():
            for status, told in operation["responses"].items():
                if CONTENT_TYPE not in told.get("content", {}):
                    continue
                codes = f"{status} {told['description']}"
                name = names.setdefault(codes, f"Problem{status}_{len(names)}")
                shared[name] = told
                operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return shared


def _body(route: Route, body: Body) -> Mapping[str, Any]:
    if route.entity is None or body.members is not None:
        return body.schema
    return _ref(f"{route.entity}{'Change' if route.method == 'PATCH' else 'New'}")


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _operation(route: Route, entities: Sequence[str]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": _description(route),
        "parameters": list(_parameters(route, entities)),
        "responses": dict(_responses(route)),
    }
    if route.entity is not None:
        operation["tags"] = [route.entity]
    if route.content is not None:
        binary = {"type": "string", "contentMediaType": route.content}
        operation["requestBody"] = {"content": {route.content: {"schema": binary}}}
    if route.body is not None:
        content = {"application/json": {"schema": _body(route, route.body)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _description(route: Route) -> str:
    told = f"Takes the scope `{route.scope}`."
    if _is_refused(route):
        told += f" Always refused: the documents of `{route.entity}` are never changed or deleted."
    return told


def _is_refused(route: Route) -> bool:
    """Return whether a route is of documents that are only appended, and would change one."""
    return route.changes and route.entity in APPEND_ONLY


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
        if _is_refused(route):
            break
        yield str(status), _answer(answer, route.entity)
    by_status: dict[int, list[str]] = {}
    for code in sorted(problems_of(route)):
        by_status.setdefault(PROBLEMS[code].status.value, []).append(code.value)
    for number, codes in sorted(by_status.items()):
        content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        yield str(number), {"description": ", ".join(codes), "content": content}


def _answer(answer: Answer, entity: str | None) -> dict[str, Any]:
    told: dict[str, Any] = {"description": answer.meaning}
    if answer.headers:
        told["headers"] = {
            name: {"description": _HEADERS[name], "schema": {"type": "string"}}
            for name in answer.headers
        }
    if answer.content != _JSON:
        told["content"] = {answer.content: {}}
    if answer.schema is not None:
        schema = _ref(answer.schema)
        if entity is not None and answer.schema == "Document":
            schema = _ref(entity)
        elif entity is not None and answer.schema == "Page":
            items = {"type": "array", "items": _ref(entity)}
            schema = {"allOf": [schema, {"properties": {"items": items}}]}
        told["content"] = {_JSON: {"schema": schema}}
    return told
