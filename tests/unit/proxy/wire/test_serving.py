"""The order of events between the gateway's answer, MongoDB's, the clock and the end of the connection."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from bson import Int64

from proxy.wire.catching import Catching
from proxy.wire.gateway import GatewaySide, Reading
from proxy.wire.position import Position
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
        self.flushed = 0

    def give(self, raw: bytes) -> None:
        self.given.append(document_of(raw))

    def connect_gateway(self) -> None:
        self.wants_gateway += 1

    def ask_legacy(self, request_id: int, namespace: str, raw: bytes) -> None:
        assert request_id < 0, "a number that no driver uses"
        self.killed += [(namespace, cursor) for cursor in document_of(raw)["cursors"]]

    def flush(self) -> None:
        self.flushed += 1

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

    def __init__(
        self, folder: Path, applied: Position | None = None, catching: Catching | None = None
    ) -> None:
        self.client, self.gateway = Client(), Gateway()
        self.shared = GatewaySide(
            folder / "gateway",
            applied or Everything(),
            budget_s=0.2,
            end=0,
            monotonic=asyncio.get_running_loop().time,
            catching=catching,
        )
        self.reads = ServedReads(self.shared, self.client)

    def ask(self, number: int, command: dict[str, Any] | None = None) -> bool:
        raw = op_msg(command or {"find": "users", "$db": "app"}, request_id=number)
        frame = Frame(raw, number, 0, 2013)
        return self.reads.begin(frame, request_of(frame), is_alone=True)

    async def answered(self, number: int, legacy: dict[str, Any], gateway: dict[str, Any]) -> None:
        """Let both answer."""
        await self.becomes(lambda: number in [frame.request_id for frame in self.gateway.asked])
        assert not self.legacy(legacy, to=number)
        ended = self.client.ended
        self.gateway.answer(gateway, to=number)
        await self.becomes(lambda: self.client.ended == ended + 1)

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


def batch_of(cursor: int, *documents: dict[str, Any], name: str = "firstBatch") -> dict[str, Any]:
    return {"cursor": {name: list(documents), "id": Int64(cursor), "ns": "app.users"}, "ok": 1.0}


FIND: dict[str, Any] = {"find": "users", "batchSize": 2, "$db": "app"}
MORE: dict[str, Any] = {"getMore": Int64(99), "collection": "users", "$db": "app"}
ONE, TWO, THREE = {"_id": 1}, {"_id": 2}, {"_id": 3}


async def test_a_cursor_is_read_on_from_the_gateway_under_mongodbs_number(scene: Scene) -> None:
    await scene.permitted()
    assert scene.ask(2, FIND)
    await scene.becomes(lambda: len(scene.gateway.asked) == 2)
    scene.gateway.answer(batch_of(5, ONE, {**TWO, "v": "gateway"}), to=2)
    await scene.becomes(lambda: scene.reads._gateway is not None)
    assert scene.client.given == [], "only MongoDB's number can be read on anywhere"
    assert not scene.legacy(batch_of(99, ONE, {**TWO, "v": "legacy"}), to=2)
    assert scene.client.given == [batch_of(99, ONE, {**TWO, "v": "gateway"})]
    assert len(scene.shared.cursors) == 1

    assert scene.ask(3, MORE)
    last = batch_of(0, THREE, name="nextBatch")
    await scene.answered(3, last, {**last, "side": "gateway"})

    asked = document_of(scene.gateway.asked[-1].raw)
    assert (asked["getMore"], asked["collection"]) == (5, "users")
    assert scene.client.given[1:] == [{**last, "side": "gateway"}]
    assert scene.shared.counts == {Reading.SERVED: 3}
    assert not len(scene.shared.cursors)
    assert scene.client.killed == []


async def test_an_empty_batch_at_the_end_is_left_to_mongodb(scene: Scene) -> None:
    assert scene.ask(1, FIND)
    await scene.answered(1, batch_of(99, ONE, TWO), batch_of(5, ONE, TWO))
    assert scene.ask(2, MORE)
    await scene.answered(2, batch_of(99, THREE), batch_of(0, THREE))

    assert scene.client.given[1] == batch_of(99, THREE)
    assert not scene.ask(3, MORE)
    assert scene.legacy(batch_of(0), to=3)
    assert scene.client.killed == []


@pytest.mark.parametrize(
    ("legacy", "gateway"),
    [
        (batch_of(99, ONE, TWO), batch_of(5, TWO, ONE)),
        (batch_of(99, ONE, TWO), batch_of(5, ONE)),
        (batch_of(0, ONE, TWO), batch_of(5, ONE, TWO)),
        (batch_of(99, {"v": 1}), batch_of(5, {"v": 2})),
        (LEGACYS, batch_of(5, ONE)),
    ],
)
async def test_what_is_not_in_step_is_mongodbs_from_there_on(
    scene: Scene, legacy: dict[str, Any], gateway: dict[str, Any]
) -> None:
    assert scene.ask(1, FIND)
    await scene.answered(1, legacy, gateway)

    assert scene.client.given == [legacy]
    assert scene.shared.counts == {Reading.ASTRAY: 1}
    assert not scene.ask(2, MORE)
    await scene.becomes(lambda: len(scene.gateway.asked) == 2)
    assert document_of(scene.gateway.asked[-1].raw)["cursors"] == [5]


@pytest.mark.parametrize("what", ["dies", "refuses", "is busy", "is killed", "goes past"])
async def test_mongodb_reads_a_cursor_on_when_the_gateway_cannot(scene: Scene, what: str) -> None:
    assert scene.ask(1, FIND)
    await scene.answered(1, batch_of(99, ONE), batch_of(5, ONE))
    raw = op_msg(MORE, request_id=2)
    frame = Frame(raw, 2, 0, 2013)

    if what == "is busy":
        assert not scene.reads.begin(frame, request_of(frame), is_alone=False)
    elif what == "is killed":
        assert not scene.ask(2, {"killCursors": "users", "cursors": [Int64(99)], "$db": "app"})
    elif what == "goes past":
        scene.reads.passes(frame, request_of(frame))
    else:
        assert scene.ask(2, MORE)
        await scene.becomes(lambda: len(scene.gateway.asked) == 2)
        if what == "dies":
            scene.gateway.die()
        else:
            scene.gateway.answer({"ok": 0.0, "code": 43}, to=2)
        await scene.becomes(lambda: scene.client.ended == 2)

    assert scene.legacy(batch_of(99, TWO), to=2)
    assert not scene.ask(3, MORE), "it is out of step for good"
    if what in {"is busy", "is killed", "goes past"}:
        await scene.becomes(lambda: len(scene.gateway.asked) == 2)
        assert document_of(scene.gateway.asked[-1].raw)["cursors"] == [5]


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
