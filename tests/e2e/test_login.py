"""A client logs in to MongoDB through the sidecar; its secrets stay between the two."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from proxy.cli.relay_status import read_status
from proxy.embedded import EmbeddedMongo, embedded_mongo
from proxy.embedded.mongod import MongoUser
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from proxy.flags.document import EMPTY, Said, with_flag
from proxy.flags.file import write_flags
from proxy.flags.phases import Direction, Phase
from tests.e2e.both_sides import both_sides_become_equal
from tests.e2e.ledger import Expected, assert_verified
from tests.eventually import eventually

ROOT = MongoUser(name="root", password="r:o/o@t %")
SECRET = "correct-horse-battery"


@pytest.fixture(scope="module")
async def guarded(server_directory: Path) -> AsyncIterator[EmbeddedMongo]:
    async with embedded_mongo(server_directory / "guarded", user=ROOT) as servers:
        yield servers


async def test_scram_passes_and_is_not_captured(
    guarded: EmbeddedMongo, postgres_dsn: str, server_directory: Path
) -> None:
    directory = server_directory / "guarded-sidecar"
    flags = server_directory / "guarded-flags.json"
    everything = Said(phase=Phase.GATEWAY)
    write_flags(flags, with_flag(EMPTY, Direction.READS, "", everything))
    settings = {"PARALLAX_CAPTURE_KEEP": "true", "PARALLAX_FLAGS_FILE": str(flags)}
    async with embedded_sidecar(
        directory, legacy=guarded.uri, gateway=postgres_dsn, settings=settings
    ) as sidecar:
        await _create_user(sidecar)
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1"):
            await _work(sidecar, mechanism)
        await _refused(sidecar)
        await sidecar.drained()
        await _read_from_the_gateway(sidecar)
        await sidecar.drained()
        await both_sides_become_equal(guarded.uri, postgres_dsn, "guarded")
        expected = Expected(reasons={"MongoDB refused with code 13"})
        assert_verified(await sidecar.evidence(), "guarded", expected)

        kept = b"".join(path.read_bytes() for path in _files(directory))
    assert b"SCRAM-SHA-256" in kept
    assert SECRET.encode() not in kept
    for secret in (b"saslStart", b"saslContinue", b"createUser", b"speculativeAuthenticate"):
        assert secret not in kept


async def _create_user(sidecar: EmbeddedSidecar) -> None:
    async with _client(sidecar, ROOT.name, ROOT.password) as client:
        await client["guarded"].command(
            "createUser",
            "ann",
            pwd=SECRET,
            roles=["readWrite"],
            mechanisms=["SCRAM-SHA-1", "SCRAM-SHA-256"],
        )


async def _work(sidecar: EmbeddedSidecar, mechanism: str) -> None:
    async with _client(
        sidecar, "ann", SECRET, authSource="guarded", authMechanism=mechanism
    ) as client:
        things = client["guarded"]["things"]
        await things.insert_one({"by": mechanism})
        assert await things.count_documents({"by": mechanism}) == 1


async def _read_from_the_gateway(sidecar: EmbeddedSidecar) -> None:
    """Read as one who may, answered by the gateway, and as one who may not: it knows no users, and MongoDB decides."""

    def served() -> int:
        status = read_status(sidecar.data)
        return 0 if status is None else status.counts["gateway_reads"].get("served", 0)

    async with _client(sidecar, "ann", SECRET, authSource="guarded", maxPoolSize=1) as client:
        things = client["guarded"]["things"]

        async def is_served() -> bool:
            assert len(await things.find(batch_size=1000).to_list()) == 2
            return served() > 0

        await eventually(is_served, within_s=20)
    async with _client(sidecar, ROOT.name, ROOT.password) as client:
        await client["elsewhere"].command("createUser", "eve", pwd=SECRET, roles=["readWrite"])
    async with _client(sidecar, "eve", SECRET, authSource="elsewhere", maxPoolSize=1) as client:
        for _ in range(10):
            with pytest.raises(OperationFailure) as raised:
                await client["guarded"]["things"].find_one()
            assert raised.value.code == 13


async def _refused(sidecar: EmbeddedSidecar) -> None:
    async with _client(sidecar, "ann", "wrong", authSource="guarded") as client:
        with pytest.raises(OperationFailure) as raised:
            await client["guarded"]["things"].find_one()
    assert raised.value.code == 18


def _client(
    sidecar: EmbeddedSidecar, name: str, password: str, **options: Any
) -> AsyncMongoClient[dict[str, Any]]:
    return AsyncMongoClient(
        sidecar.uri, username=name, password=password, serverMonitoringMode="poll", **options
    )


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]
