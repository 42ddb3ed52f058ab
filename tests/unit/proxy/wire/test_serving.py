"""The order of events between the gateway's answer, MongoDB's, the clock and the end of the connection."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from bson import Int64

from proxy.wire.gateway import GatewaySide, Reading
from proxy.wire.protocol.framing import REPLY_OPCODES, REQUEST_OPCODES, Frame, Framer
from proxy.wire.protocol.message import request_of
from proxy.wire.serving import ServedReads
from tests.eventually import eventually
from tests.peers.messages import document_of, op_msg

GATEWAYS: dict[str, Any] = {"side": "gateway", "ok": 1.0}
LEGACYS: dict[str, Any] = {"side": "legacy", "ok": 1.0}
UNAUTHORIZED: dict[str, Any] = {"code": 13, "ok": 0.0}


class Everything:
    """Says that all is applied."""

    def position(self, namespace: str) -> int:
        return 1 << 61

    @property
    def of_all(self) -> int:
        return 1 << 61

    def lacks(self, namespace: str) -> bool:
        return False


class Client:
    """The conversation, as far as reads know it: remembers what it was told."""

    def __init__(self) -> None:
        self.given: list[dict[str, Any]] = []
        self.killed: list[tuple[str, int]] = []
        self.ended = 0
        self.wants_gateway = 0

    def give(self, raw: bytes) -> None:
        self.given.append(document_of(raw))

    def connect_gateway(self) -> None:
        self.wants_gateway += 1

    def ask_legacy(self, request_id: int, namespace: str, raw: bytes) -> None:
        assert request_id < 0, "a number that no driver uses"
        self.killed += [(namespace, cursor) for cursor in document_of(raw)["cursors"]]

    def read_ended(self) -> None:
        self.ended += 1


class Gateway:
    """A gateway process that answers when a test says so."""

    def __init__(self) -> None:
        self.asked: list[Frame] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        framer = Framer(peer="relay", opcodes=REQUEST_OPCODES)
        try:
            while data := await reader.read(1 << 16):
                framer.receive(data)
                while (frame := framer.next_frame()) is not None:
                    self.asked.append(frame)
        except ConnectionError:
            pass
        finally:
            writer.close()

    def answer(self, reply: dict[str, Any], to: int) -> None:
        self._writers[-1].write(op_msg(reply, response_to=to))

    def die(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


class Scene:
    """A conversation's reads between the three."""

    def __init__(self, folder: Path) -> None:
        self.client, self.gateway = Client(), Gateway()
        self.shared = GatewaySide(
            folder / "gateway",
            Everything(),
            budget_s=0.2,
            end=0,
            monotonic=asyncio.get_running_loop().time,
        )
        self.reads = ServedReads(self.shared, self.client)

    def ask(self, number: int) -> bool:
        raw = op_msg({"find": "users", "$db": "app"}, request_id=number)
        frame = Frame(raw, number, 0, 2013)
        return self.reads.begin(frame, request_of(frame), is_alone=True)

    def legacy(self, reply: dict[str, Any], to: int) -> bool:
        """Have MongoDB answer; return whether the client gets that as it comes."""
        raw = op_msg(reply, response_to=to)
        framer = Framer(peer="legacy", opcodes=REPLY_OPCODES)
        framer.receive(raw)
        frame = framer.next_frame()
        assert frame is not None
        return self.reads.gives(frame)

    async def becomes(self, condition: Callable[[], bool]) -> None:
        await eventually(condition, within_s=5)

    async def permitted(self) -> None:
        """Let MongoDB and the gateway answer a first read."""
        assert self.ask(1)
        assert not self.legacy(LEGACYS, to=1)
        await self.becomes(lambda: len(self.gateway.asked) == 1)
        self.gateway.answer(GATEWAYS, to=1)
        await self.becomes(lambda: self.client.given == [GATEWAYS])
        self.client.given.clear()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path)
    server = await asyncio.start_unix_server(scene.gateway.accept, tmp_path / "gateway")
    await scene.reads.connect()
    yield scene
    scene.reads.close()
    scene.gateway.die()
    server.close()
    await server.wait_closed()


async def test_the_first_read_waits_until_mongodb_has_permitted_it(scene: Scene) -> None:
    assert scene.ask(1)
    await scene.becomes(lambda: len(scene.gateway.asked) == 1)
    scene.gateway.answer(GATEWAYS, to=1)
    await scene.becomes(lambda: scene.reads._gateway is not None)
    assert scene.client.given == []

    assert not scene.legacy(LEGACYS, to=1)

    assert scene.client.given == [GATEWAYS]
    assert scene.client.ended == 1
    assert not scene.reads.is_watching


async def test_later_ones_do_not_wait_and_mongodbs_answer_goes_nowhere(scene: Scene) -> None:
    await scene.permitted()

    assert scene.ask(2)
    await scene.becomes(lambda: len(scene.gateway.asked) == 2)
    scene.gateway.answer(GATEWAYS, to=2)
    await scene.becomes(lambda: scene.client.given == [GATEWAYS])

    assert scene.reads.overtaken == 1
    assert not scene.legacy(LEGACYS, to=2)
    assert not scene.reads.is_watching
    assert scene.shared.counts == {Reading.SERVED: 2}


async def test_whoever_may_not_read_on_mongodb_is_told_so(scene: Scene) -> None:
    assert scene.ask(1)
    await scene.becomes(lambda: len(scene.gateway.asked) == 1)
    scene.gateway.answer(GATEWAYS, to=1)
    await scene.becomes(lambda: scene.reads._gateway is not None)

    assert scene.legacy(UNAUTHORIZED, to=1)
    assert scene.client.given == []
    assert scene.shared.counts == {Reading.ERROR: 1}


@pytest.mark.parametrize("how", ["refused", "logged in"])
async def test_a_permission_ends_with_a_refusal_or_a_login(scene: Scene, how: str) -> None:
    await scene.permitted()
    if how == "refused":
        assert scene.ask(2)
        await scene.becomes(lambda: len(scene.gateway.asked) == 2)
        scene.gateway.answer(GATEWAYS, to=2)
        await scene.becomes(lambda: scene.client.given == [GATEWAYS])
        assert not scene.legacy(UNAUTHORIZED, to=2)
        scene.client.given.clear()
    else:
        scene.reads.forget_permissions()

    assert scene.ask(3)
    await scene.becomes(lambda: scene.gateway.asked[-1].request_id == 3)
    scene.gateway.answer(GATEWAYS, to=3)
    await scene.becomes(lambda: scene.reads._gateway is not None)
    assert scene.client.given == []


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize(
    ("what", "reading"),
    [
        ("refuses", Reading.REFUSED),
        ("keeps a cursor", Reading.REFUSED),
        ("is silent", Reading.LATE),
        ("dies", Reading.LOST),
    ],
)
async def test_when_the_gateway_fails_mongodbs_answer_is_given(
    scene: Scene, what: str, reading: Reading, *, is_there: bool
) -> None:
    await scene.permitted()
    assert scene.ask(2)
    await scene.becomes(lambda: len(scene.gateway.asked) == 2)
    if is_there:
        assert not scene.legacy(LEGACYS, to=2)

    if what == "refuses":
        scene.gateway.answer({"ok": 0.0, "code": 238}, to=2)
    elif what == "keeps a cursor":
        scene.gateway.answer({"cursor": {"firstBatch": [], "id": Int64(5)}, "ok": 1.0}, to=2)
    elif what == "dies":
        scene.gateway.die()
    await scene.becomes(lambda: scene.client.ended == 2)

    assert scene.client.given == ([LEGACYS] if is_there else [])
    if not is_there:
        assert scene.legacy(LEGACYS, to=2)
    assert scene.shared.counts == {Reading.SERVED: 1, reading: 1}
    assert not scene.reads.is_watching


async def test_a_late_answer_is_not_taken_for_that_to_the_next_read(scene: Scene) -> None:
    await scene.permitted()
    assert scene.ask(2)
    await scene.becomes(lambda: scene.client.ended == 2)
    assert scene.legacy(LEGACYS, to=2)

    assert not scene.ask(3), "the connection was dropped"
    assert scene.client.wants_gateway == 1
    await scene.reads.connect()
    assert scene.ask(4)
    await scene.becomes(lambda: scene.gateway.asked[-1].request_id == 4)
    scene.gateway.answer(GATEWAYS, to=3)
    scene.gateway.answer({**GATEWAYS, "mine": True}, to=4)
    await scene.becomes(lambda: bool(scene.client.given))

    assert scene.client.given == [{**GATEWAYS, "mine": True}]


@pytest.mark.parametrize("first", ["gateway", "legacy"])
async def test_a_cursor_that_mongodb_left_open_is_closed(scene: Scene, first: str) -> None:
    await scene.permitted()
    left_open = {"cursor": {"firstBatch": [], "id": Int64(99)}, "ok": 1.0}
    assert scene.ask(2)
    await scene.becomes(lambda: len(scene.gateway.asked) == 2)

    if first == "legacy":
        assert not scene.legacy(left_open, to=2)
    scene.gateway.answer(GATEWAYS, to=2)
    await scene.becomes(lambda: scene.client.given == [GATEWAYS])
    if first == "gateway":
        assert not scene.legacy(left_open, to=2)

    assert scene.client.killed == [("app.users", 99)]


async def test_nothing_happens_after_the_end(scene: Scene) -> None:
    await scene.permitted()
    assert scene.ask(2)
    await scene.becomes(lambda: len(scene.gateway.asked) == 2)
    scene.reads.close()

    scene.gateway.answer(GATEWAYS, to=2)
    scene.gateway.die()
    await asyncio.sleep(0)

    assert scene.client.given == []
    assert scene.client.ended == 1
