"""Several fronts of one application, behind one address: what they keep of writes with a key they share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from comparators.errors import UnreachableError
from proxy.embedded import EmbeddedPostgres
from proxy.embedded.http import EmbeddedHttp, embedded_http, tokens_named
from proxy.embedded.process import free_port
from proxy.http.idempotency import Idempotency, Kept, Request
from proxy.http.problems import Code, ProblemError
from tests.integration.http.conftest import SCOPES, Api
from tests.integration.http.test_documents import message

DONE = Kept(status=201, headers="{}", body="done")


class Keeping:
    """Fronts on one store, which have one clock."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.now_s = 1000.0
        self.fronts = [self.front("a") for _ in range(2)]

    def front(self, application: str) -> Idempotency:
        return Idempotency(
            self.uri,
            application=application,
            process=uuid4().hex,
            keep_s=60,
            within_s=30,
            now_s=lambda: self.now_s,
        )

    async def aclose(self) -> None:
        for front in self.fronts:
            await front.close()


@pytest.fixture(params=["postgresql", "sqlite"])
async def keeping(
    request: pytest.FixtureRequest, postgres_dsn: str, tmp_path: Path
) -> AsyncIterator[Keeping]:
    uri = postgres_dsn if request.param == "postgresql" else f"sqlite:///{tmp_path / 'kept.db'}"
    async with aclosing(Keeping(uri)) as made:
        yield made


def asked(key: str, body: bytes = b"") -> Request:
    return Request.of("token", key, method="POST", path="/v1/X", body=body)


async def test_a_request_that_comes_to_all_fronts_at_once_is_done_by_one(keeping: Keeping) -> None:
    done: list[str] = []

    async def outcome(front: Idempotency, key: str) -> str:
        async def answer() -> Kept:
            done.append(key)
            return DONE

        try:
            return "again" if (await front.once(asked(key), answer))[1] else "first"
        except ProblemError as problem:
            return problem.code

    keys = [str(number) for number in range(10)]
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(outcome(front, key))
            for key in keys
            for front in keeping.fronts
            for _ in range(2)
        ]
    told = [task.result() for task in running]

    assert sorted(done) == keys
    assert told.count("first") == len(keys)
    assert set(told) <= {"first", "again", "in_flight"}
    assert [await outcome(front, "0") for front in keeping.fronts] == ["again", "again"]


async def test_fronts_see_what_the_others_do(keeping: Keeping) -> None:
    first, second = keeping.fronts
    begun, ending = asyncio.Event(), asyncio.Event()

    async def slow() -> Kept:
        begun.set()
        await ending.wait()
        return DONE

    async def done() -> Kept:
        return DONE

    async def conflict() -> Kept:
        raise ProblemError(Code.CONFLICT, "again")

    async def refusal(request: Request) -> Code:
        with pytest.raises(ProblemError) as refused:
            await second.once(request, done)
        return refused.value.code

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(first.once(asked("k"), slow))
        await begun.wait()
        assert await refusal(asked("k")) is Code.IN_FLIGHT
        assert await refusal(asked("k", b"other")) is Code.KEY_REUSED
        ending.set()
    assert running.result() == (DONE, False)
    assert await second.once(asked("k"), done) == (DONE, True)
    with pytest.raises(ProblemError):
        await first.once(asked("again"), conflict)
    assert await second.once(asked("again"), done) == (DONE, False)

    begun.clear()
    ending.clear()
    async with asyncio.TaskGroup() as tasks:
        cut_off = tasks.create_task(first.once(asked("cut"), slow))
        await begun.wait()
        cut_off.cancel()
    assert await refusal(asked("cut")) is Code.IN_FLIGHT
    keeping.now_s += 31
    assert await refusal(asked("cut")) is Code.OUTCOME_UNKNOWN
    keeping.now_s += 61
    assert await second.once(asked("cut"), done) == (DONE, False)
    assert await second.once(asked("k", b"other"), done) == (DONE, False)
    async with aclosing(Keeping(keeping.uri)) as others:
        others.now_s = keeping.now_s
        others.fronts = [others.front("b")]
        assert await others.fronts[0].once(asked("k"), done) == (DONE, False)


async def test_nothing_is_begun_while_the_store_is_away() -> None:
    async def answer() -> Kept:
        raise AssertionError

    async with aclosing(Keeping(f"postgresql://nobody@127.0.0.1:{free_port()}/x")) as away:
        with pytest.raises(UnreachableError):
            await away.fronts[0].once(asked("k"), answer)


@pytest.fixture
async def second(
    on_postgresql: EmbeddedHttp,
    postgres: EmbeddedPostgres,
    server_directory: Path,
    settings: dict[str, str],
) -> AsyncIterator[EmbeddedHttp]:
    """Run another front of the application, which keeps answers where the first one does."""
    directory = server_directory / "http-second"
    dsn = postgres.dsn_of("over_http")
    own = {**settings, "PARALLAX_HTTP_ANSWERS_URI": dsn, "PARALLAX_HTTP_ENSURE_INDEXES": "false"}
    async with embedded_http(directory, database=dsn, settings=own) as served:
        tokens_named(directory, SCOPES)
        yield served
        assert "http_failed" not in served.log.read_text()


async def test_a_write_is_done_once_whichever_front_it_reaches(
    on_postgresql: EmbeddedHttp, second: EmbeddedHttp
) -> None:
    conversation = str(uuid4())
    body = message(conversationId=conversation)
    key = {"Idempotency-Key": str(uuid4())}
    async with aiohttp.ClientSession() as session:
        fronts = [Api(session=session, served=served) for served in (on_postgresql, second)]
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(api("POST", "/v1/Message", body, headers=key))
                for api in fronts * 4
            ]
        answers = [task.result() for task in running]
        again = [await api("POST", "/v1/Message", body, headers=key) for api in fronts]
        own = {"filter": {"conversationId": conversation}}
        counted = [await api("POST", "/v1/Message/count", own) for api in fronts]

    assert {answer.status for answer in answers} <= {201, 409}
    assert {answer.code for answer in answers if answer.status == 409} <= {"in_flight"}
    made = {answer.body["_id"]["$oid"] for answer in (*answers, *again) if answer.status == 201}
    assert len(made) == 1
    assert [each.headers.get("Idempotency-Replayed") for each in again] == ["true", "true"]
    assert [each.body for each in counted] == [{"count": 1}] * 2
