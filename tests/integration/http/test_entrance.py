"""Who may call what, how much, and what strangers may try, on a real database."""

import asyncio
import gzip
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from pymongo import AsyncMongoClient

from adapters.repositories.naming import SPECIALISED
from proxy.embedded import EmbeddedMongo
from proxy.embedded.http import EmbeddedHttp, embedded_http
from proxy.http.methods import method_routes
from proxy.http.routes import ROUTES
from proxy.http.tokens import Scope
from tests.integration.http.conftest import ENTITIES, NAME, SCOPES, Answer, Api
from tests.integration.http.test_documents import message

BODIES = {
    "query": {},
    "count": {},
    "aggregate": {"pipeline": []},
    "search": {"query": "x"},
    "batch": {"operations": [{"delete": {"id": "5f5f5f5f5f5f5f5f5f5f5f5f"}}]},
    "distinct": {"path": "x"},
    "join": {"other": "User", "local": "x", "foreign": "y", "into": "z"},
    "replace": {},
    "begin_transaction": {"timeout_s": 0.1},
    "create": {},
    "patch": {"text": "x"},
}


KINDS = {kind.entity: kind for kind in SPECIALISED if kind.entity in ENTITIES}
METHODS = [route for entity, kind in KINDS.items() for route in method_routes(entity, kind)]
ALL = (*ROUTES, *METHODS)


async def test_each_route_lets_in_whom_it_says_and_nobody_else(api: Api) -> None:
    seen = {}
    for route in ALL:
        path = (
            route.path.format(
                entity="Message", id="5f5f5f5f5f5f5f5f5f5f5f5f", transaction="x", file="x"
            )
            if "{" in route.path
            else route.path
        )
        for name in SCOPES:
            answer = await api(
                route.method, path, BODIES.get(route.name, {} if route.body else None), token=name
            )
            refused = answer.status == 403 and answer.code == "out_of_scope"
            seen[route.name, name] = not refused
            assert answer.status != 401
        for token in (None, "nobody", "reader2"):
            answer = await api(
                route.method, path, BODIES.get(route.name, {} if route.body else None), token=token
            )
            assert answer.status in {401, 429}
            assert answer.code in {"unauthenticated", "too_many_requests"}

    assert seen == {
        (route.name, name): route.scope in scopes or Scope.ADMIN in scopes
        for route in ALL
        for name, scopes in SCOPES.items()
    }


async def test_nobody_changes_what_is_only_appended_to(api: Api) -> None:
    chain = str(uuid4())
    entry = {
        "category": "grant",
        "action": "grant.assigned",
        "outcome": "success",
        "severity": "info",
        "actor": {"type": "user", "name": "Ada"},
        "target": {"type": "agent", "id": "a"},
    }
    append = "/v1/AuditLog/methods/append"
    made = (await api("POST", append, {"chain": chain, "entry": entry})).body["result"]
    one, own = {"id": made["_id"]}, {"filter": {"chainKey": chain}}
    operations: list[dict[str, Any]] = [
        {"update": {**one, "change": {"$set": {"outcome": "failure"}}}},
        {"replace": {**one, "document": made}},
        {"delete": one},
        {"updateMany": {**own, "change": {"outcome": "failure"}}},
        {"deleteMany": own},
    ]
    place, begun = f"/v1/AuditLog/{made['_id']['$oid']}", "/v1/transactions"
    inside = {"Transaction": (await api("POST", begun, {}, token="writer")).body["id"]}
    for token, scopes in SCOPES.items():
        wanted = "append_only" if {Scope.WRITE, Scope.ADMIN} & set(scopes) else "out_of_scope"
        for headers in (None, inside) if token == "writer" else (None,):
            for method, body in (
                ("PATCH", {"outcome": "failure"}),
                ("PUT", made),
                ("DELETE", None),
            ):
                refused = await api(method, place, body, token=token, headers=headers)
                assert (refused.status, refused.code) == (403, wanted), (token, method)
            for each, atomic in product(operations, (True, False)):
                asked = {"operations": [each], "atomic": atomic}
                answer = await api(
                    "POST", "/v1/AuditLog/batch", asked, token=token, headers=headers
                )
                if answer.status == 200:
                    [told] = answer.body["results"]
                    assert (told["status"], told["problem"]["code"]) == (403, wanted)
                else:
                    assert (answer.status, answer.code) == (403, wanted), (token, each)
    ended = await api("POST", f"{begun}/{inside['Transaction']}/commit", token="writer")
    whole = await api("POST", "/v1/AuditLog/methods/first_broken", {"chain": chain})
    told = (await api("GET", "/openapi.json", token=None)).body["paths"]["/v1/AuditLog/{id}"]

    assert ended.status == 200
    assert (await api("GET", place)).body == made
    assert whole.body == {"result": None}
    for method in ("patch", "put", "delete"):
        assert not told[method]["responses"].keys() & {"200", "204"}
        assert "never changed or deleted" in told[method]["description"]


HOSTILE: list[tuple[str, str, Any, dict[str, Any], int]] = [
    ("GET", "/v1/Message", None, {"params": {"filter": '{"$where": "1"}'}}, 400),
    ("GET", "/v1/Message", None, {"params": {"filter": "[1]"}}, 400),
    ("GET", "/v1/Message", None, {"params": {"filter": "{"}}, 400),
    ("GET", "/v1/Message", None, {"params": {"filter": '{"a": {"$nope": 1}}'}}, 400),
    ("GET", "/v1/Message", None, {"params": {"limit": "-1"}}, 400),
    ("GET", "/v1/Message", None, {"params": {"limit": "1e9"}}, 400),
    ("GET", "/v1/Message", None, {"params": {"limit": "true"}}, 400),
    ("GET", "/v1/Message", None, {"params": {"nope": "1"}}, 400),
    ("GET", "/v1/Message", None, {"params": [("limit", "1"), ("limit", "2")]}, 400),
    ("GET", "/v1/Message", None, {"params": {"sort": '{"a": "up"}'}}, 400),
    ("GET", "/v1/Message", None, {"params": {"projection": '{"a": 1, "b": 0}'}}, 400),
    ("GET", "/v1/Message/nonsense", None, {}, 400),
    ("GET", "/v1/Message/%00", None, {}, 400),
    ("GET", "/v1/Message/%FF%FE", None, {}, 400),
    ("DELETE", "/v1/Message/..%2F..%2Fetc", None, {}, 400),
    ("GET", "/v1/constructor", None, {}, 404),
    ("GET", "/v1/message", None, {}, 404),
    ("GET", "/v2", None, {}, 404),
    ("PUT", "/v1/Message", {}, {}, 405),
    ("POST", "/v1/Message", None, {"data": b"{"}, 415),
    (
        "POST",
        "/v1/Message",
        None,
        {"data": b"{", "headers": {"Content-Type": "application/json"}},
        400,
    ),
    ("POST", "/v1/Message", [], {}, 400),
    ("POST", "/v1/Message", {"$where": "x"}, {}, 422),
    (
        "POST",
        "/v1/Message",
        None,
        {"data": b"[" * 90_000, "headers": {"Content-Type": "application/json"}},
        400,
    ),
    ("POST", "/v1/Message", {"text": "x" * 200_000}, {}, 413),
    (
        "POST",
        "/v1/Message",
        None,
        {
            "data": gzip.compress(b'"' + b"x" * 3_000_000 + b'"'),
            "headers": {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        },
        413,
    ),
    (
        "POST",
        "/v1/Message/count",
        {"filter": {"$expr": {"$function": {"body": "", "args": [], "lang": "js"}}}},
        {},
        400,
    ),
    ("POST", "/v1/Message/aggregate", {"pipeline": [{"$out": "x"}]}, {}, 400),
    (
        "POST",
        "/v1/Message/aggregate",
        {"pipeline": [{"$facet": {"a": [{"$merge": "x"}]}}]},
        {},
        400,
    ),
    (
        "POST",
        "/v1/Message/aggregate",
        {"pipeline": [{"$lookup": {"from": "system.users", "as": "x", "pipeline": []}}]},
        {},
        400,
    ),
    ("POST", "/v1/Message/aggregate", {"pipeline": [{"$lookup": 1}]}, {}, 400),
    ("POST", "/v1/Message/aggregate", {"pipeline": [{"$unionWith": []}]}, {}, 400),
    ("POST", "/v1/Message/aggregate", {"pipeline": [{}]}, {}, 400),
    ("POST", "/v1/Message/aggregate", {"pipeline": [{"$match": {}, "$sort": {"a": 1}}]}, {}, 400),
    ("POST", "/v1/Message/aggregate", {"pipeline": [{"$collStats": {}}]}, {}, 400),
    ("POST", "/v1/Message/batch", {"operations": [{"drop": {}}]}, {}, 400),
    ("POST", "/v1/Message/batch", {"operations": [{"update": {"id": 1}}]}, {}, 400),
    ("POST", "/v1/Message/batch", {"operations": [{"deleteMany": {"filter": 1}}]}, {}, 400),
    ("POST", "/v1/Message/query", {"populate": [{"path": 1}]}, {}, 400),
    ("POST", "/v1/Message/query", {"populate": [{"path": "user", "model": "x"}]}, {}, 400),
    ("POST", "/v1/Message/query", {"populate": [{"path": "user", "x": 1}]}, {}, 400),
    ("POST", "/v1/Message/query", {"populate": [{"path": "text"}]}, {}, 400),
    ("POST", "/v1/Message/search", {"query": "(((((.*)*)*)*)*"}, {}, 200),
    ("POST", "/v1/transactions", {"timeout_s": -1}, {}, 400),
    ("POST", "/v1/stored-files", None, {"data": b"x"}, 400),
    ("GET", "/v1/stored-files/%00", None, {}, 404),
    ("GET", "/v1/stored-files/..%2F..%2Fetc/content", None, {}, 404),
    ("GET", "/v1/stored-files", None, {"params": {"cursor": "AA"}}, 400),
    ("POST", "/v1/Message", {}, {"headers": {"Idempotency-Key": "a b"}}, 400),
    ("POST", "/v1/Message", {}, {"headers": {"Transaction": "nope"}}, 404),
]


async def test_what_is_hostile_is_refused_clearly_and_quickly(api: Api) -> None:
    wrong = []
    for method, path, body, options, status in HOSTILE:
        async with asyncio.timeout(30):
            answer = await api(method, path, body, **options)
        if answer.status != status:
            wrong.append((method, path, body, answer))
        elif status >= 400:
            assert answer.code
    assert wrong == []


async def test_a_key_makes_a_write_happen_once(api: Api) -> None:
    conversation, key = str(uuid4()), {"Idempotency-Key": str(uuid4())}
    body = message(conversationId=conversation)

    async def create() -> Answer:
        return await api("POST", "/v1/Message", body, headers=key)

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(create()) for _ in range(4)]
    answers = [task.result() for task in running]
    again = await create()
    other = await api("POST", "/v1/Message", message(), headers=key)
    foreign = await api("POST", "/v1/Message", message(), headers=key, token="writer")

    assert (again.status, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert {answer.status for answer in answers} <= {201, 409}
    made = [answer for answer in answers if answer.status == 201]
    assert {answer.body["_id"]["$oid"] for answer in made} == {again.body["_id"]["$oid"]}
    assert {answer.code for answer in answers if answer.status == 409} <= {"in_flight"}
    assert (other.status, other.code) == (422, "key_reused")
    assert foreign.status == 201
    own = {"filter": {"conversationId": conversation}}
    assert (await api("POST", "/v1/Message/count", own)).body == {"count": 1}


async def test_the_pages_need_no_token_and_nothing_from_elsewhere(api: Api) -> None:
    page = await api("GET", "/docs", token=None)
    places = [part.split('"')[1] for part in page.body.split("=") if part.startswith('"')]
    files = [place for place in places if "/" in place]
    assert len(files) == 4
    for place in files:
        assert (await api("GET", f"/{place}", token=None)).status == 200
    assert "://" not in page.body
    assert (await api("GET", "/health", token=None)).body["database"] == "here"
    assert (await api("GET", "/openapi.json", token=None)).body["openapi"] == "3.1.0"


async def test_nobody_is_served_faster_than_allowed_and_no_request_is_lost_at_the_end(
    mongo: EmbeddedMongo, server_directory: Path, settings: dict[str, str]
) -> None:
    directory = server_directory / "http-limited"
    limited = {
        **settings,
        "PARALLAX_HTTP_REQUESTS_PER_S": "0.001",
        "PARALLAX_HTTP_BURST": "41",
        "PARALLAX_HTTP_ENSURE_INDEXES": "false",
        "PARALLAX_HTTP_NAME": "ending",
    }
    async with (
        embedded_http(directory, database=mongo.uri, settings=limited) as served,
        aiohttp.ClientSession() as session,
    ):
        api = Api(session=session, served=served)
        assert (await api("POST", "/v1/Message/count", {})).status == 200
        async with asyncio.TaskGroup() as tasks:
            # Each leaves a connection open, so that what is sent below is with the server at once.
            for _ in range(41):
                tasks.create_task(api("GET", "/health"))

        async def write(n: int) -> Answer:
            return await api("POST", "/v1/Message", message(messageId=f"m{n}"))

        async with asyncio.TaskGroup() as tasks:
            writing = [tasks.create_task(write(n)) for n in range(40)]
            await asyncio.wait(writing, return_when=asyncio.FIRST_COMPLETED)
            too_much = tasks.create_task(api("POST", "/v1/Message/count", {}))
            await asyncio.wait({too_much})
            await served.stop()
        assert too_much.result().code == "too_many_requests"
        assert "Retry-After" in too_much.result().headers
        assert {task.result().status for task in writing} == {201}
        with pytest.raises(aiohttp.ClientConnectionError):
            await api("GET", "/health")


async def test_the_trace_of_a_request_reaches_the_database(
    mongo: EmbeddedMongo, on_mongodb: EmbeddedHttp
) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with (
        AsyncMongoClient[dict[str, Any]](mongo.uri, serverMonitoringMode="poll") as client,
        aiohttp.ClientSession() as session,
    ):
        api = Api(session=session, served=on_mongodb)
        database = client[NAME]
        await database.command({"profile": 2})
        for told in (trace, "nonsense"):
            await api("POST", "/v1/Message", message(), headers={"traceparent": told})
        await database.command({"profile": 0})
        seen = await database["system.profile"].distinct("command.comment", {"op": "insert"})

    assert seen == [trace]
