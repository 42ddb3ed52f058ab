"""Reads of a collection that the gateway has up to a moment ago."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.wire.catching import Catching
from proxy.wire.complaints import Complaints
from proxy.wire.gateway import Reading
from proxy.wire.outcomes import Outcomes
from proxy.wire.position import NEAR_BYTES
from proxy.wire.protocol.awaiting import Messages, Told, asked_in, telling
from proxy.wire.protocol.message import Request, Treatment
from tests.eventually import eventually
from tests.unit.proxy.wire.test_serving import GATEWAYS, LEGACYS, UNAUTHORIZED, Scene

NAMESPACE = "app.users"
OTHERS, LAST, LATER = 1_000, 1_200, 1_300
WRITE = Request(Treatment.WRITE, expects_reply=True, namespace=NAMESPACE, command="update")


class Applied:
    """Up to where a test says."""

    def __init__(self) -> None:
        self.up_to = OTHERS
        self.is_filled = True

    def position(self, namespace: str) -> int:
        return self.up_to

    @property
    def of_all(self) -> int:
        return self.up_to

    def lacks(self, namespace: str) -> bool:
        return not self.is_filled


class Verifier:
    """The other end of the socket."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.woken = 0
        self._messages = Messages()

    async def come(self, path: Path) -> None:
        reader, self.writer = await asyncio.open_unix_connection(path)
        while data := await reader.read(1 << 16):
            self._messages.receive(data)
            while (message := self._messages.next_message()) is not None:
                position = asked_in(message)
                if position is None:
                    self.woken += 1
                else:
                    self.asked.append(position)
        self.writer.close()

    def tell(self, position: int) -> None:
        self.writer.write(telling(Told(position, None)))


class Behind(Scene):
    """A conversation whose reads meet a write that the gateway does not have yet."""

    def __init__(self, folder: Path, within_s: float) -> None:
        self.applied, self.verifier = Applied(), Verifier()
        now = asyncio.get_running_loop().time
        self.outcomes = Outcomes(
            folder / "verifier", dual_within_s=1, answer_within_s=1, monotonic=now
        )
        catching = Catching(self.outcomes, self.applied, within_s=within_s, monotonic=now)
        super().__init__(folder, self.applied, catching)
        self.shared.wrote(WRITE, LAST)


@pytest.fixture
async def behind(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Behind]:
    scene = Behind(tmp_path, getattr(request, "param", 5.0))
    server = await asyncio.start_unix_server(scene.gateway.accept, tmp_path / "gateway")
    complaints = Complaints(asyncio.get_running_loop().time)
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(scene.outcomes.run(complaints))
        await scene.becomes((tmp_path / "verifier").exists)
        come = tasks.create_task(scene.verifier.come(tmp_path / "verifier"))
        await scene.becomes(lambda: scene.outcomes.is_heard)
        await scene.reads.connect()
        yield scene
        scene.reads.close()
        listening.cancel()
        await asyncio.wait([come])
    scene.gateway.die()
    server.close()
    await server.wait_closed()


async def test_a_read_waits_for_what_was_written_before_it_and_for_nothing_after(
    behind: Behind,
) -> None:
    assert behind.ask(1)
    await behind.becomes(lambda: behind.verifier.asked == [LAST])
    assert behind.client.flushed == 1, "the answer to the write must be on the log"
    assert not behind.legacy(LEGACYS, to=1), "it is held"
    behind.shared.wrote(WRITE, LATER)
    behind.outcomes.grown()
    await behind.becomes(lambda: behind.verifier.woken == 1)
    assert not behind.gateway.asked

    behind.applied.up_to = LATER
    behind.verifier.tell(LAST)
    await behind.becomes(lambda: len(behind.gateway.asked) == 1)
    behind.gateway.answer(GATEWAYS, to=1)
    await behind.becomes(lambda: behind.client.given == [GATEWAYS])

    assert behind.shared.counts == {Reading.SERVED: 1}
    assert behind.ask(2), "the later write concerns the next read"
    await behind.becomes(lambda: behind.verifier.asked == [LAST, LATER])


async def test_an_earlier_write_that_is_slower_is_waited_for_too(behind: Behind) -> None:
    assert behind.ask(1)
    await behind.becomes(lambda: behind.verifier.asked == [LAST])
    behind.verifier.tell(LAST)
    await behind.becomes(lambda: behind.verifier.asked == [LAST, OTHERS])
    assert not behind.gateway.asked

    behind.applied.up_to = LAST + 1
    behind.verifier.tell(OTHERS)
    await behind.becomes(lambda: len(behind.gateway.asked) == 1)


async def test_what_may_differ_for_a_moment_is_looked_at_again(behind: Behind) -> None:
    assert behind.ask(1)
    for position in (LAST, OTHERS):
        await behind.becomes(lambda: behind.verifier.asked[-1:] == [position])  # noqa: B023 - awaited at once
        behind.verifier.tell(position)
    await asyncio.sleep(0)
    behind.applied.up_to = LAST + 1

    await behind.becomes(lambda: len(behind.gateway.asked) == 1)
    assert behind.verifier.asked == [LAST, OTHERS]


@pytest.mark.parametrize("behind", [0.02], indirect=True)
@pytest.mark.parametrize("is_there", [True, False])
async def test_when_the_time_is_over_mongodb_answers(behind: Behind, *, is_there: bool) -> None:
    assert behind.ask(1)
    if is_there:
        assert not behind.legacy(LEGACYS, to=1)
    await behind.becomes(lambda: behind.client.ended == 1)

    if not is_there:
        assert behind.legacy(LEGACYS, to=1)
    assert behind.client.given == ([LEGACYS] if is_there else [])
    assert behind.shared.counts == {Reading.BEHIND: 1}
    behind.applied.up_to = LAST + 1
    behind.verifier.tell(LAST)
    assert behind.ask(2), "the gateway is as good as before"
    await behind.becomes(lambda: [each.request_id for each in behind.gateway.asked] == [2])


async def test_an_error_of_mongodb_ends_the_wait(behind: Behind) -> None:
    assert behind.ask(1)
    assert behind.legacy(UNAUTHORIZED, to=1)
    behind.applied.up_to = LAST + 1
    behind.verifier.tell(LAST)

    assert behind.ask(2)
    await behind.becomes(lambda: [each.request_id for each in behind.gateway.asked] == [2])
    assert behind.shared.counts == {Reading.ERROR: 1}


async def test_a_verifier_that_dies_ends_no_wait_and_the_next_one_is_asked(
    behind: Behind, tmp_path: Path
) -> None:
    assert behind.ask(1)
    await behind.becomes(lambda: behind.verifier.asked == [LAST])
    behind.verifier.writer.transport.abort()
    await behind.becomes(lambda: not behind.outcomes.is_heard)
    assert behind.client.ended == 0
    assert not behind.ask(2), "nobody would tell"

    behind.applied.up_to = LAST + 1
    await behind.becomes(lambda: len(behind.gateway.asked) == 1)


@pytest.mark.parametrize("why", ["far", "unknown", "not filled", "not on the log"])
async def test_what_will_not_be_there_in_a_moment_is_not_waited_for(
    behind: Behind, why: str
) -> None:
    match why:
        case "far":
            behind.shared.wrote(WRITE, OTHERS + NEAR_BYTES)
        case "unknown":
            behind.applied.up_to = 0
        case "not filled":
            behind.applied.is_filled = False
        case _:
            behind.shared.wrote(WRITE, 0)

    assert not behind.ask(1)
    assert behind.shared.counts == {Reading.BEHIND: 1}


@pytest.mark.parametrize("behind", [0.0], indirect=True)
async def test_nothing_is_waited_for_where_the_settings_say_so(behind: Behind) -> None:
    assert not behind.ask(1)
    assert behind.shared.counts == {Reading.BEHIND: 1}


@pytest.mark.parametrize("behind", [0.01], indirect=True)
async def test_a_collection_that_was_late_too_often_is_left_alone_for_a_moment(
    behind: Behind,
) -> None:
    number = 0
    while behind.ask(number := number + 1):
        await behind.becomes(lambda: behind.client.ended == number)
        assert behind.legacy(LEGACYS, to=number)
    assert number > 5

    async def is_asked() -> bool:
        nonlocal number
        return behind.ask(number := number + 1)

    await eventually(is_asked, within_s=5)
