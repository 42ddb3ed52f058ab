"""The HTTP API as a part of the sidecar: a client of it stays as it is from `shadow` to the cut-over and back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg
import pytest

from comparators.ordering import INPUT_ORDER
from comparators.verdict import Verdict
from proxy.capture.authority import read_authority
from proxy.cli.entry import run
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres, embedded_mongo
from proxy.embedded.http import tokens_named
from proxy.embedded.process import free_port
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from proxy.http.tokens import Scope
from tests.e2e.both_sides import both_sides_become_equal
from tests.e2e.http_walk import assert_as_said, walk
from tests.e2e.ledger import Expected, assert_verified
from tests.e2e.node_runs import as_text, run_node
from tests.eventually import eventually
from tests.peers.meilisearch_server import FakeMeilisearch, running_meilisearch
from tests.peers.redis_server import RunningRedis, running_redis

Parallax = Callable[..., Awaitable[tuple[int, str]]]
DATABASE = "over_http"
FORCED = ("--why", "it is a test", "--force")
CUT_OVER = ("default", "cutover")
STEPS: tuple[tuple[str, ...], ...] = (
    (),
    ("default", "dual", "--direction", "writes"),
    ("default", "gateway"),
    CUT_OVER,
    ("default", "shadow"),
)
"""What an operator sets, one after the other."""
ABORTED = "its transaction was aborted"
SEEN_BY_NODE = [
    *(201, 0, 422, "key_reused"),
    *(200, "second", 412, "changed_meanwhile"),
    [201, 201, 201],
    ["a", "b", "c", "second"],
    *(5, "aborted"),
    *(204, 404),
    3,
]


@pytest.fixture(scope="module")
async def behind(server_directory: Path) -> AsyncIterator[EmbeddedMongo]:
    """Run a MongoDB of this module's own: it is behind at the cut-over."""
    async with embedded_mongo(server_directory / "http-mongo") as servers:
        yield servers


@pytest.fixture(scope="module")
async def gateway(postgres: EmbeddedPostgres) -> str:
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute("CREATE DATABASE http_gateway")
    await connection.close()
    return postgres.dsn_of("http_gateway")


@pytest.fixture(scope="module")
async def engine() -> AsyncIterator[tuple[FakeMeilisearch, str]]:
    async with running_meilisearch() as running:
        yield running


@pytest.fixture(scope="module")
async def redis(server_directory: Path) -> AsyncIterator[RunningRedis]:
    folder = server_directory / "http-cache"
    folder.mkdir()
    async with running_redis(folder) as running:
        yield running


@pytest.fixture(scope="module")
async def sidecar(
    behind: EmbeddedMongo,
    gateway: str,
    engine: tuple[FakeMeilisearch, str],
    redis: RunningRedis,
    server_directory: Path,
) -> AsyncIterator[EmbeddedSidecar]:
    """Run a sidecar that serves HTTP as well, with search and cache; its tables are those of LibreChat."""
    folder = server_directory / "http-sidecar"
    folder.mkdir()
    settings = {
        "PARALLAX_FLAGS_FILE": str(folder / "flags.json"),
        "PARALLAX_GATEWAY_ENTITIES": "librechat",
        "PARALLAX_VERIFIER_NICE": "0",
        "PARALLAX_HTTP_LISTEN": f"127.0.0.1:{free_port()}",
        "PARALLAX_HTTP_NAME": DATABASE,
        "PARALLAX_SEARCH_ENABLED": "true",
        "PARALLAX_SEARCH_URL": engine[1],
        "PARALLAX_SEARCH_COMPARED": "1",
        "PARALLAX_CACHE_URL": redis.url,
        "PARALLAX_HTTP_TOKENS": str(tokens_named(folder, {"admin": (Scope.ADMIN,)})),
    }
    async with embedded_sidecar(
        folder, legacy=behind.uri, gateway=gateway, settings=settings
    ) as running:
        await eventually(lambda: "http_listening" in running.log.read_text(), within_s=60)
        yield running
        assert "http_failed" not in running.log.read_text()


@pytest.fixture
def address(sidecar: EmbeddedSidecar) -> str:
    """Give the address of the API."""
    return "http://" + (sidecar.process.environment or {})["PARALLAX_HTTP_LISTEN"]


@pytest.fixture
def parallax(
    sidecar: EmbeddedSidecar, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Parallax:
    """Let a test call commands as an operator would: it returns the exit code and all that was printed."""
    for name, value in (sidecar.process.environment or {}).items():
        if name.startswith("PARALLAX_"):
            monkeypatch.setenv(name, value)

    async def run_command(*arguments: str) -> tuple[int, str]:
        code = await asyncio.to_thread(run, list(arguments))
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run_command


class Writer:
    """Counts in a document, with the version that it has read: it loses nothing, and meets nothing old."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self._messages = f"{address}/v1/Message"
        self.times = 0

    async def run(self, ended: asyncio.Event) -> None:
        """Go on until told to end."""
        body = {"messageId": str(uuid4()), "conversationId": "w", "user": "w", "tokenCount": 0}
        made = await self._call("POST", self._messages, 201, json=body)
        place = f"{self._messages}/{made['_id']['$oid']}"
        while not ended.is_set():
            change = {"$inc": {"tokenCount": 1}}
            changed = await self._call("PATCH", place, 200, json=change)
            found = await self._call("GET", place, 200)
            self.times += 1
            assert changed["tokenCount"] == found["tokenCount"] == found["__v"] == self.times
            await asyncio.sleep(0.02)

    async def _call(self, method: str, url: str, status: int, **options: Any) -> dict[str, Any]:
        async with self._session.request(method, url, **options) as response:
            body: dict[str, Any] = await response.json(content_type=None)
            assert response.status == status, body
            return body


async def gets_on(writer: Writer, writing: asyncio.Task[None]) -> None:
    """Wait until a writer has counted further, or has failed."""
    before = writer.times
    await eventually(lambda: writing.done() or writer.times > before + 5, within_s=30)


async def finds(session: aiohttp.ClientSession, address: str, word: str) -> None:
    """Write a message, and wait until the engine finds it."""
    body = {"messageId": str(uuid4()), "conversationId": "s", "user": "s", "text": f"{word} here"}
    async with session.post(f"{address}/v1/Message", json=body) as response:
        assert response.status == 201

    async def is_found() -> bool:
        wish = {"query": word, "user": "s"}
        async with session.post(f"{address}/v1/search", json=wish) as response:
            told = await response.json()
            texts = [each["document"]["text"] for each in told["items"]]
            return told["by"] == "engine" and texts == [f"{word} here"]

    await eventually(is_found, within_s=30)


async def walked_by_both(session: aiohttp.ClientSession, address: str) -> list[str]:
    """Let a client in Node and one with aiohttp use the API at once; return what both alike were answered."""
    async with asyncio.TaskGroup() as tasks:
        by_node = tasks.create_task(run_node(("http.mjs",), address, DATABASE))
        by_aiohttp = tasks.create_task(walk(session, address, DATABASE))
    *seen, others = by_node.result().seen
    ours = by_aiohttp.result()
    assert_as_said(ours)
    assert seen == SEEN_BY_NODE
    assert as_text(others) == as_text(ours)
    return as_text(ours)


async def test_clients_stay_as_they_are_in_every_phase(
    sidecar: EmbeddedSidecar, behind: EmbeddedMongo, gateway: str, address: str, parallax: Parallax
) -> None:
    ended = asyncio.Event()
    walked = []
    async with (
        aiohttp.ClientSession(headers={"Authorization": "Bearer admin"}) as session,
        asyncio.TaskGroup() as tasks,
    ):
        writer = Writer(session, address)
        writing = tasks.create_task(writer.run(ended))
        for number, step in enumerate(STEPS):
            if step:
                code, told = await parallax("flags", "set", *step, *FORCED)
                assert code == 0, told
            is_over = step[1:2] == ("cutover",)
            assert read_authority(sidecar.data / "capture").is_gateway == is_over
            walked.append(await walked_by_both(session, address))
            await gets_on(writer, writing)
            await finds(session, address, f"word{number}")
            assert ("cache_used" in sidecar.log.read_text()) == (number >= STEPS.index(CUT_OVER))
        ended.set()
    await sidecar.drained()
    await both_sides_become_equal(behind.uri, gateway, DATABASE)
    # What a join finds first is left to chance: where it differs for a moment, it is not asked again as others are.
    expected = Expected(reasons={ABORTED}, maybe={INPUT_ORDER})
    assert_verified(await sidecar.evidence(), DATABASE, expected)
    # The API enters them beside the verifier, in the same file.
    searched = (await sidecar.evidence()).searches
    assert sum(each.n for each in searched if each.verdict is Verdict.MATCH) >= len(STEPS)
    assert {each.namespace for each in searched} >= {f"{DATABASE}.messages"}

    # Last: what is written now is on one side alone.
    code, told = await parallax("flags", "set", "default", "off", *FORCED)
    assert code == 0, told
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer admin"}) as session:
        walked.append(await walked_by_both(session, address))
    assert all(each == walked[0] for each in walked)


def front_process(sidecar: EmbeddedSidecar) -> int | None:
    """Return the process of the API beside the relay; None while there is none."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"http" in command and parent == sidecar.process.pid:
            return int(folder.name)
    return None


async def test_an_api_that_ends_is_started_again_and_the_relay_goes_on(
    sidecar: EmbeddedSidecar, address: str
) -> None:
    relay, killed = sidecar.process.pid, front_process(sidecar)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)

    async def answers() -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{address}/health") as told:
                return told.status == 200 and front_process(sidecar) not in {None, killed}
        except aiohttp.ClientError:
            return False

    await eventually(answers, within_s=60)
    assert sidecar.process.pid == relay
