"""Search and cache behind the API, on both databases: with an engine, with one that goes away, and for nobody but the owner."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg
import pytest
from redis.asyncio import Redis

from comparators.search import Aspect
from comparators.verdict import Verdict
from dashboards.report import build_report, render_html, render_json, render_markdown
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.embedded.http import EmbeddedHttp, embedded_http, tokens_named
from proxy.ledger.read import read_report
from proxy.ledger.write import Ledger
from tests.eventually import eventually
from tests.integration.http.conftest import SCOPES, Answer, Api
from tests.peers.meilisearch_server import KEY, FakeMeilisearch, running_meilisearch
from tests.peers.redis_server import RunningRedis, running_redis

pytestmark = pytest.mark.timeout(120)

USERS = ("ada", "eve")
PREFIX = "parallax_"
AWAY_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """An API on one database, with Meilisearch and Redis beside it."""

    api: Api
    engine: FakeMeilisearch
    redis: RunningRedis

    async def say(self, user: str, text: str, **fields: Any) -> Any:
        body = {
            "messageId": str(uuid4()),
            "conversationId": "c",
            "user": user,
            "text": text,
            **fields,
        }
        made = await self.api("POST", "/v1/Message", body)
        assert made.status == 201, made
        return made.body

    async def search(self, text: str, token: str = "reader", **wish: Any) -> Answer:
        return await self.api("POST", "/v1/search", {"query": text, **wish}, token=token)

    async def found(self, text: str, token: str = "reader", **wish: Any) -> list[str]:
        answer = await self.search(text, token, **wish)
        assert answer.status == 200, answer
        documents = [each["document"] for each in answer.body["items"]]
        return sorted(each.get("text") or each["title"] for each in documents)

    async def engine_is_asked(self) -> None:
        """Wait until it is asked again that was away."""

        async def answers() -> bool:
            return bool((await self.search("x", user="kim")).body["by"] == "engine")

        await eventually(answers, within_s=20)

    async def is_indexed(self, text: str) -> None:
        await eventually(lambda: text in json.dumps(self.engine.indexes), within_s=20)


@pytest.fixture(scope="module")
async def engine() -> AsyncIterator[tuple[FakeMeilisearch, str]]:
    async with running_meilisearch() as running:
        yield running


@pytest.fixture(scope="module")
async def redis(server_directory: Path) -> AsyncIterator[RunningRedis]:
    folder = server_directory / "http-redis"
    folder.mkdir()
    async with running_redis(folder) as running:
        yield running


def ledger_of(directory: Path) -> str:
    """Return where the process keeps its ledger; its folder is made where it is missing."""
    folder = directory / "data"
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'ledger.db'}"


@pytest.fixture(scope="module", params=["mongodb", "postgresql"])
async def process(
    request: pytest.FixtureRequest,
    mongo: EmbeddedMongo,
    postgres: EmbeddedPostgres,
    engine: tuple[FakeMeilisearch, str],
    redis: RunningRedis,
    server_directory: Path,
    settings: dict[str, str],
) -> AsyncIterator[EmbeddedHttp]:
    """Run the API with the variables of LibreChat for its engine."""
    directory, database = server_directory / f"http-searched-{request.param}", mongo.uri
    if request.param == "postgresql":
        connection = await asyncpg.connect(postgres.dsn)
        await connection.execute("CREATE DATABASE http_searched")
        await connection.close()
        database = postgres.dsn_of("http_searched")
    for index in engine[0].indexes.values():
        index.clear()
    ours = {
        "PARALLAX_HTTP_ENSURE_INDEXES": "false",
        "PARALLAX_HTTP_NAME": "http_searched",
        "PARALLAX_SEARCH_ENABLED": "true",
        "PARALLAX_SEARCH_SYNC_EVERY_S": "0.5",
        "PARALLAX_SEARCH_COMPARED": "1",
        "PARALLAX_CACHE_URL": redis.url,
        "PARALLAX_CACHE_PREFIX": request.param,
        "PARALLAX_CACHE_WITHIN_S": "0.5",
        "MEILI_HOST": f"http://127.0.0.1:{engine[1].rpartition(':')[2]}",
        "MEILI_MASTER_KEY": KEY,
    }
    # As a verifier begins it.
    ledger = await Ledger.open(ledger_of(directory))
    await ledger.close()
    async with embedded_http(directory, database=database, settings={**settings, **ours}) as served:
        tokens_named(directory, SCOPES, USERS)
        yield served
        assert "http_failed" not in served.log.read_text()


@pytest.fixture
async def searched(
    process: EmbeddedHttp, engine: tuple[FakeMeilisearch, str], redis: RunningRedis
) -> AsyncIterator[Searched]:
    async with aiohttp.ClientSession() as session:
        yield Searched(api=Api(session=session, served=process), engine=engine[0], redis=redis)
        engine[0].is_away = engine[0].is_another = False


async def test_what_is_written_is_found_by_the_engine_and_narrowed(searched: Searched) -> None:
    first = await searched.say("kim", "green tea", endpoint="openAI")
    await searched.say("kim", "black tea", endpoint="google")
    title = {"conversationId": str(uuid4()), "user": "kim", "title": "tea time", "endpoint": "x"}
    assert (await searched.api("POST", "/v1/Conversation", title)).status == 201
    await searched.is_indexed("black tea")
    await searched.is_indexed("tea time")
    made = first["createdAt"]["$date"]

    answer = await searched.search("tea", user="kim")

    assert (answer.body["by"], answer.body["because"], answer.body["about"]) == ("engine", "", 3)
    assert {each["entity"] for each in answer.body["items"]} == {"Message", "Conversation"}
    assert "_meiliIndex" not in answer.body["items"][0]["document"]
    assert await searched.found("tea", user="kim", entities="Conversation") == ["tea time"]
    assert await searched.found("tea", user="kim", endpoint="google") == ["black tea"]
    assert await searched.found("tea", user="kim", until=made) == []
    assert len(await searched.found("tea", user="kim", since=made)) == 3
    own = {"query": "tea", "filter": {"user": "kim", "endpoint": "openAI"}}
    narrowed = await searched.api("POST", "/v1/Message/search", own)
    assert (narrowed.body["by"], len(narrowed.body["items"])) == ("engine", 1)
    wider = await searched.api("POST", "/v1/Message/search", {"query": "tea"})
    assert wider.body["because"] == "the search engine knows no such filter"

    place = f"/v1/Message/{first['_id']['$oid']}"
    assert (await searched.api("PATCH", place, {"text": "white tea"})).status == 200
    await searched.is_indexed("white tea")
    assert await searched.found("white", user="kim") == ["white tea"]
    assert (await searched.api("DELETE", place)).status == 204
    index = searched.engine.indexes[f"{PREFIX}messages"]
    await eventually(lambda: "white tea" not in json.dumps(index), within_s=20)


@pytest.mark.parametrize("is_away", [False, True])
async def test_nobody_finds_what_is_another_users(searched: Searched, *, is_away: bool) -> None:
    word = f"secret{uuid4().hex}"
    for user in USERS:
        await searched.say(user, f"{word} of {user}")
    await searched.is_indexed(f"{word} of eve")
    searched.engine.is_away = is_away
    by = "database" if is_away else "engine"

    for user in USERS:
        answer = await searched.search(word, user)
        assert answer.body["by"] == by
        assert [each["document"]["user"] for each in answer.body["items"]] == [user]
        for condition in ({}, {"$or": [{"user": "ada"}, {"user": "eve"}]}, {"user": {"$ne": user}}):
            found = await searched.api(
                "POST", "/v1/Message/search", {"query": word, "filter": condition}, token=user
            )
            owners = [each["user"] for each in found.body["items"]]
            assert owners == ([] if "user" in condition else [user])
        suggested = await searched.api(
            "GET", "/v1/search/suggestions", token=user, params={"query": word}
        )
        assert suggested.body["items"] == [f"{word} of {user}"]
    other = await searched.search(word, "ada", user="eve")
    assert (other.status, other.code) == (403, "out_of_scope")
    for method, path in (
        ("GET", "/v1/Message"),
        ("GET", "/v1/search/statistics"),
        ("POST", "/v1/Message/query"),
        ("POST", "/v1/User/search"),
    ):
        body = None if method == "GET" else {"query": "x"} if path.endswith("search") else {}
        refused = await searched.api(method, path, body, token="ada")
        assert (refused.status, refused.code) == (403, "out_of_scope"), path
    for_nobody = await searched.search(word)
    assert (for_nobody.status, for_nobody.code) == (400, "bad_parameter")


async def test_an_index_that_lies_shows_nobody_anything(searched: Searched) -> None:
    word = f"lie{uuid4().hex}"
    for user in USERS:
        await searched.say(user, f"{word} of {user}")
    await searched.is_indexed(f"{word} of eve")
    entries = [
        each
        for each in searched.engine.indexes[f"{PREFIX}messages"].values()
        if word in each["text"]
    ]
    await searched.engine_is_asked()
    entries[0]["owner"], entries[1]["owner"] = entries[1]["owner"], entries[0]["owner"]

    assert await searched.found(word, "ada") == await searched.found(word, "eve") == []


@pytest.mark.parametrize("fault", ["is_away", "is_another"])
async def test_an_engine_that_is_away_costs_a_moment_and_no_error(
    searched: Searched, fault: str
) -> None:
    await searched.say("kim", "before it went")
    await searched.is_indexed("before it went")
    setattr(searched.engine, fault, True)
    began = time.monotonic()

    answers = [await searched.search("before", user="kim") for _ in range(20)]
    health = await searched.api("GET", "/v1/search/health", token="reader")
    standing = await searched.api("GET", "/v1/search/statistics", token="reader")

    assert time.monotonic() - began < AWAY_WITHIN_S
    assert {(each.status, each.body["by"]) for each in answers} == {(200, "database")}
    assert {each.body["because"] for each in answers} <= {
        "Meilisearch does not answer",
        "what answers is not Meilisearch",
        "the search engine was away just now",
    }
    assert health.body["engine"] == "away"
    assert {each["entries"] for each in standing.body["indexes"]} == {None}

    await searched.say("kim", f"written while it {fault}")
    setattr(searched.engine, fault, False)
    await searched.is_indexed(fault)

    async def is_all_indexed() -> bool:
        told = await searched.api("GET", "/v1/search/statistics", token="reader")
        return {each["unindexed"] for each in told.body["indexes"]} == {0}

    await searched.engine_is_asked()
    assert await searched.found(fault, user="kim") == [f"written while it {fault}"]

    async def is_well() -> bool:
        told = await searched.api("GET", "/v1/search/health", token="reader")
        return bool((told.body["engine"], told.body["sync"]) == ("here", "on"))

    await eventually(is_all_indexed, within_s=20)
    await eventually(is_well, within_s=20)


async def test_what_engine_and_database_find_is_compared_after_the_answer(
    searched: Searched,
) -> None:
    user = uuid4().hex
    for text in ("tea one", "steam two", "coffee three", "cocoa four"):
        await searched.say(user, text)
    await searched.is_indexed("cocoa four")
    await searched.engine_is_asked()
    index = searched.engine.indexes[f"{PREFIX}messages"]
    for entry in [each for each in index.values() if each["text"] == "coffee three"]:
        del index[entry["id"]]

    async def compared(text: str, verdict: str) -> None:
        """Search, and wait until one more comparison has come to a verdict."""

        async def total() -> int:
            told = await searched.api("GET", "/v1/search/statistics", token="reader")
            return int(told.body["compared"].get(verdict, 0))

        async def is_more() -> bool:
            return await total() > before

        before = await total()
        await searched.found(text, user=user, entities="Message")
        await eventually(is_more, within_s=20)

    await compared("cocoa", "match")
    await compared("tea", "match_by_rule")
    await compared("coffee", "mismatch")
    assert "search_differs" in searched.api.served.log.read_text()

    folder = searched.api.served.log.parent / "data"

    async def is_on_the_ledger() -> bool:
        found = await read_report(ledger_of(folder.parent))
        verdicts = {each.verdict for each in found.searches}
        return {Verdict.MATCH, Verdict.MATCH_BY_RULE, Verdict.MISMATCH} <= verdicts

    await eventually(is_on_the_ledger, within_s=20)
    evidence = await read_report(ledger_of(folder.parent))
    [found] = evidence.search_differences
    assert (found.namespace, found.reason, found.aspect) == (
        "http_searched.messages",
        "only the database finds a document",
        Aspect.CONTENT,
    )
    assert (len(found.database_alone), found.engine_alone) == (1, ())
    report = build_report(evidence)
    told = render_html(report) + render_markdown(report) + render_json(report)
    kept = b"".join(file.read_bytes() for file in folder.glob("ledger.db*"))
    for trace in ("coffee", "cocoa", "steam", user):
        assert trace not in told
        assert trace.encode() not in kept


async def test_a_cache_is_fresh_and_holds_no_secret_and_may_die(searched: Searched) -> None:
    user = {"email": f"{uuid4().hex}@example.com", "password": "hunter2" * 2, "provider": "local"}
    made = (await searched.api("POST", "/v1/User", user)).body
    place = f"/v1/User/{made['_id']['$oid']}"
    with_password = {"projection": '{"password": 1}'}
    client = Redis.from_url(searched.redis.url)

    for name in ("a", "b"):
        assert (await searched.api("PATCH", place, {"name": name})).status == 200
        for _ in range(2):
            assert (await searched.api("GET", place)).body["name"] == name
    shown = await searched.api("GET", place, params=with_password)
    assert shown.body["password"] == user["password"]
    kept = [await client.get(key) async for key in client.scan_iter("*:http_searched.users:*")]
    await client.aclose()
    assert any(each and user["email"].encode() in each for each in kept)
    assert not any(each and b"hunter2" in each for each in kept)

    await searched.redis.process.stop()
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        gets = [tasks.create_task(searched.api("GET", place)) for _ in range(20)]
    changed = await searched.api("PATCH", place, {"name": "c"})
    await searched.redis.start()

    assert time.monotonic() - began < AWAY_WITHIN_S
    assert {each.result().status for each in gets} == {200}
    assert changed.body["name"] == "c"
    assert (await searched.api("GET", place)).body["name"] == "c"
