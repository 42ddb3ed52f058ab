"""A disk that stalls keeps no new connection from MongoDB."""

import asyncio
import select
import socket
from pathlib import Path

from proxy.capture.applications import FILE, Applications
from tests.eventually import eventually
from tests.peers.messages import op_msg
from tests.peers.misbehaving import Reader, Writer, answering, legacy_that, next_message
from tests.peers.relaying import relaying


class AfterLegacy(Applications):
    """Takes as long for a note as the hello takes to legacy: for ever if it is kept back for that."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.legacy: list[socket.socket] = []
        self.was_forwarded: list[bool] = []

    def note(self, connection: int, application: str) -> None:
        readable, _, _ = select.select(self.legacy, (), (), 5)
        self.was_forwarded.append(bool(readable))
        super().note(connection, application)


async def test_a_hello_is_forwarded_before_its_application_is_noted(tmp_path: Path) -> None:
    applications = AfterLegacy(tmp_path)

    async def legacy(reader: Reader, writer: Writer) -> None:
        applications.legacy.append(writer.get_extra_info("socket"))
        await answering(reader, writer)

    async with (
        legacy_that(legacy) as uri,
        relaying(uri, applications=applications) as relay,
    ):
        reader, writer = await asyncio.open_connection(relay.address.host, relay.address.port)
        for application in ("shop", "till"):
            writer.write(op_msg({"hello": 1, "client": {"application": {"name": application}}}))
            await next_message(reader)
        writer.close()
        await eventually((tmp_path / FILE).exists)

    assert applications.was_forwarded == [True, True]
    assert [line.split('"')[1] for line in (tmp_path / FILE).read_text().splitlines()] == [
        "shop",
        "till",
    ]
