"""The order of events between MongoDB's answer, what the verifier tells, the clock and the end of the connection."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import bson
import pytest
from bson import Binary

from proxy.flags.phases import Phase
from proxy.wire.complaints import Complaints
from proxy.wire.outcomes import Outcomes, Writing
from proxy.wire.protocol.awaiting import Messages, Told, asked_in, early_in, telling
from proxy.wire.protocol.framing import Frame
from proxy.wire.protocol.message import request_of
from proxy.wire.writing import AwaitedWrites
from tests.eventually import eventually
from tests.peers.messages import document_of, op_msg

LEGACYS: dict[str, Any] = {"n": 1, "side": "legacy", "ok": 1.0}
GATEWAYS: dict[str, Any] = {"n": 1, "ok": 1.0}
SESSION = {"id": Binary.from_uuid(UUID(int=7))}
POSITION = 100


class Client:
    """The conversation, as far as writes know it: remembers what it was told."""

    def __init__(self) -> None:
        self.given: list[dict[str, Any]] = []
        self.ended = 0
        self.flushed = 0

    def give(self, raw: bytes) -> None:
        self.given.append(document_of(raw))

    def flush(self) -> None:
        self.flushed += 1

    def write_ended(self) -> None:
        self.ended += 1


class Verifier:
    """The other end of the socket, which tells when a test says so."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.early: list[tuple[str, str, int]] = []
        self._messages = Messages()

    async def connect(self, path: Path) -> None:
        self._reader, self._writer = await asyncio.open_unix_connection(path)

    async def listen(self) -> None:
        while data := await self._reader.read(1 << 16):
            self._messages.receive(data)
            while (message := self._messages.next_message()) is not None:
                position, early = asked_in(message), early_in(message)
                if position is not None:
                    self.asked.append(position)
                if early is not None:
                    self.early.append(early)

    def tell(self, reply: Mapping[str, Any] | None = None, *, position: int = POSITION) -> None:
        raw = None if reply is None else bson.encode(reply)
        self._writer.write(telling(Told(position, raw)))

    def die(self) -> None:
        self._writer.transport.abort()


class Scene:
    """A conversation's writes between the three."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.client, self.verifier = Client(), Verifier()
        self.shared = Outcomes(
            path,
            dual_within_s=0.2,
            answer_within_s=0.2,
            monotonic=asyncio.get_running_loop().time,
        )
        self.writes = AwaitedWrites(self.shared, self.client)

    def ask(
        self,
        phase: Phase,
        command: Mapping[str, Any] | None = None,
        *,
        number: int = 1,
        position: int = POSITION,
        is_alone: bool = True,
    ) -> bool:
        document = command or {"insert": "users", "documents": [{"_id": 1}]}
        raw = op_msg({**document, "$db": "app"}, request_id=number)
        frame = Frame(raw, number, 0, 2013)
        return self.writes.begin(frame, request_of(frame), phase, position, is_alone=is_alone)

    def legacy(self, number: int = 1) -> bool:
        """Have MongoDB answer; return whether the client gets that as it comes."""
        return self.writes.gives(Frame(op_msg(LEGACYS, response_to=number), 50, number, 2013))

    async def is_asked(self) -> None:
        await eventually(lambda: self.verifier.asked == [POSITION], within_s=5)

    async def ends(self, times: int = 1) -> None:
        await eventually(lambda: self.client.ended == times, within_s=5)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path / "socket")
    async with asyncio.TaskGroup() as tasks:
        complaints = Complaints(asyncio.get_running_loop().time)
        relay = tasks.create_task(scene.shared.run(complaints))
        await eventually(scene.path.exists, within_s=5)
        await scene.verifier.connect(scene.path)
        verifier = tasks.create_task(scene.verifier.listen())
        await eventually(lambda: scene.shared._line is not None, within_s=5)
        yield scene
        scene.writes.close()
        scene.verifier.die()
        await verifier
        relay.cancel()


async def test_in_dual_mongodbs_answer_is_given_once_the_gateway_has_the_write(
    scene: Scene,
) -> None:
    assert scene.ask(Phase.DUAL)
    assert not scene.legacy()
    assert scene.client.flushed == 1, "the verifier cannot know of it before"
    await scene.is_asked()
    assert scene.client.given == []

    scene.verifier.tell(GATEWAYS)
    await scene.ends()

    assert scene.client.given == [LEGACYS]
    assert not scene.writes.is_asked
    assert scene.shared.counts == {Writing.CONFIRMED: 1}


@pytest.mark.parametrize("phase", [Phase.CANARY, Phase.GATEWAY])
async def test_in_canary_and_gateway_the_gateways_own_answer_is_given(
    scene: Scene, phase: Phase
) -> None:
    assert scene.ask(phase)
    assert not scene.legacy()
    await scene.is_asked()

    scene.verifier.tell(GATEWAYS)
    await scene.ends()

    assert scene.client.given == [{**GATEWAYS, "side": "legacy"}]
    assert scene.shared.counts == {Writing.SERVED: 1}


async def test_a_definition_is_confirmed_in_every_phase(scene: Scene) -> None:
    assert scene.ask(Phase.GATEWAY, {"create": "users"})
    assert not scene.legacy()
    scene.verifier.tell({"ok": 1.0})
    await scene.ends()

    assert scene.client.given == [LEGACYS]
    assert scene.shared.counts == {Writing.CONFIRMED: 1}


@pytest.mark.parametrize(
    ("what", "writing"),
    [("has none", Writing.REFUSED), ("is silent", Writing.LATE), ("dies", Writing.LOST)],
)
async def test_when_the_gateway_fails_mongodbs_answer_is_given(
    scene: Scene, what: str, writing: Writing
) -> None:
    assert scene.ask(Phase.GATEWAY)
    assert not scene.legacy()
    await scene.is_asked()

    if what == "has none":
        scene.verifier.tell()
    elif what == "dies":
        scene.verifier.die()
    await scene.ends()

    assert scene.client.given == [LEGACYS]
    assert scene.shared.counts == {writing: 1}
    if what == "is silent":
        scene.verifier.tell(GATEWAYS)
        await eventually(lambda: bool(scene.verifier.early), within_s=5)
        assert scene.verifier.early == [("app.users", "late", 1)], "the ledger is told"
        assert scene.client.given == [LEGACYS], "an answer that came too late is nobody's"


async def test_without_a_verifier_nobody_waits(scene: Scene) -> None:
    scene.verifier.die()
    await eventually(lambda: scene.shared._line is None, within_s=5)

    assert scene.ask(Phase.DUAL)
    assert not scene.legacy()

    assert (scene.client.given, scene.client.ended) == ([LEGACYS], 1)
    assert scene.shared.counts == {Writing.LOST: 1}


async def test_what_was_late_too_often_is_not_waited_for(scene: Scene) -> None:
    for number in range(1, 7):
        assert scene.ask(Phase.DUAL, number=number)
        assert not scene.legacy(number)
        await scene.ends(number)

    assert scene.shared.counts == {Writing.LATE: 5, Writing.RESTING: 1}


@pytest.mark.parametrize(
    ("writing", "command", "position", "is_alone"),
    [
        (Writing.BUSY, None, POSITION, False),
        (Writing.UNKNOWN, None, 0, True),
        (
            Writing.UNFIT,
            {"insert": "users", "documents": [], "lsid": SESSION, "autocommit": False},
            POSITION,
            True,
        ),
    ],
)
async def test_what_cannot_wait_is_counted(
    scene: Scene,
    writing: Writing,
    command: Mapping[str, Any] | None,
    position: int,
    *,
    is_alone: bool,
) -> None:
    assert not scene.ask(Phase.DUAL, command, position=position, is_alone=is_alone)

    assert scene.legacy()
    assert scene.shared.counts == {writing: 1}


@pytest.mark.parametrize("phase", [Phase.SHADOW, None])
async def test_in_shadow_nothing_waits_and_nothing_is_counted(
    scene: Scene, phase: Phase | None
) -> None:
    raw = op_msg({"insert": "users", "documents": [], "$db": "app"}, request_id=1)
    frame = Frame(raw, 1, 0, 2013)

    assert not scene.writes.begin(frame, request_of(frame), phase, POSITION, is_alone=True)
    assert not scene.shared.counts


async def test_a_commit_waits_where_its_transaction_wrote_what_waits(scene: Scene) -> None:
    commit = {"commitTransaction": 1, "lsid": SESSION, "autocommit": False}
    assert not scene.ask(Phase.SHADOW, commit), "nothing that waits was written"
    statement = {"insert": "users", "documents": [], "lsid": SESSION, "autocommit": False}
    assert not scene.ask(Phase.GATEWAY, statement, number=2)

    assert scene.ask(Phase.SHADOW, commit, number=3)
    assert not scene.legacy(3)
    scene.verifier.tell()
    await scene.ends()

    assert scene.client.given == [LEGACYS]
    assert scene.shared.counts == {Writing.UNFIT: 1, Writing.CONFIRMED: 1}
    assert not scene.shared.transactions


async def test_an_aborted_transaction_is_forgotten(scene: Scene) -> None:
    statement = {"insert": "users", "documents": [], "lsid": SESSION, "autocommit": False}
    assert not scene.ask(Phase.GATEWAY, statement)
    abort = {"abortTransaction": 1, "lsid": SESSION, "autocommit": False}

    assert not scene.ask(Phase.GATEWAY, abort, number=2)
    assert not scene.shared.transactions


async def test_at_the_end_the_client_gets_what_mongodb_has_answered(scene: Scene) -> None:
    assert scene.ask(Phase.GATEWAY)
    assert not scene.legacy()
    await scene.is_asked()

    scene.writes.close()
    scene.verifier.tell(GATEWAYS)
    await asyncio.sleep(0)

    assert scene.client.given == [LEGACYS]
    assert scene.client.ended == 0, "nobody goes on"
