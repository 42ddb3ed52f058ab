"""A real MariaDB for tests, that can be stopped, killed and started again."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import trustme

from adapters.mysql.adapter import check
from comparators.errors import UnreachableError
from proxy.embedded.process import ServerProcess, free_port

INSTALLED_WITHIN_S = 60
READY_WITHIN_S = 30
UNPRIVILEGED_USER: Final = "nobody"

UNSYNCED: Final = "--debug-no-sync"
"""What is written is in the page cache, and is there after a kill; to make the data takes 300 syncs otherwise, and each table one."""

THROW_AWAY: Final = (
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--performance-schema=off",
    UNSYNCED,
    # Written at each commit, never synced: a server that is killed loses nothing.
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-doublewrite=off",
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=16M",
    "--max-allowed-packet=16M",
    # As on the most careless of servers: what an adapter needs it says itself.
    "--sql-mode=",
    "--character-set-server=latin1",
    "--transaction-isolation=REPEATABLE-READ",
)
"""Settings for data that nobody will miss: speed before durability, loopback only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningMariadb:
    """A MariaDB on a port of its own. The handle stays valid while it is stopped and started again."""

    port: int
    process: ServerProcess
    authority: Path
    """The certificate of whoever signed the server's, which is for localhost."""

    def url_of(self, database: str) -> str:
        """Return the address of one database of this server."""
        return f"mysql://root@127.0.0.1:{self.port}/{database}"

    async def start(self) -> None:
        self.process.start()
        await self.process.ready(self.answers, within_s=READY_WITHIN_S)

    async def answers(self) -> bool:
        try:
            await check(self.url_of(""))
        except UnreachableError:
            return False
        return True


def installed() -> Path:
    """Return the place of MariaDB's server."""
    # A folder of programs that only root has is on no other user's path.
    found = os.environ.get("MARIADB_SERVER") or shutil.which("mariadbd", path=_path())
    if found is None:
        pytest.skip(
            "no mariadbd: install mariadb-server-core and mariadb-client-core, or name it with MARIADB_SERVER"
        )
    return Path(found)


@asynccontextmanager
async def running_mariadb(directory: Path) -> AsyncIterator[RunningMariadb]:
    """Make a server's data below `directory`, which unprivileged users may enter, run it, and stop it at the end."""
    server = installed()
    directory.mkdir(parents=True)
    user = UNPRIVILEGED_USER if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(directory, user)
    await _initialise(directory, user)
    authority, certificate = _certificates(directory)
    port = free_port()
    own = [f"--port={port}", f"--socket={directory}/socket", f"--pid-file={directory}/pid"]
    tls = [f"--ssl-cert={certificate}", f"--ssl-key={certificate}"]
    process = ServerProcess(
        name="mariadbd",
        command=[
            str(server),
            "--no-defaults",
            f"--datadir={directory}/data",
            *own,
            *tls,
            *THROW_AWAY,
        ],
        directory=directory,
        log_path=directory / "mariadb.log",
        user=user,
    )
    mariadb = RunningMariadb(port=port, process=process, authority=authority)
    try:
        await mariadb.start()
        yield mariadb
    finally:
        await process.stop()


def _certificates(directory: Path) -> tuple[Path, Path]:
    """Write the certificate of an authority, and that of the server with its key."""
    authority = trustme.CA()
    files = directory / "authority.pem", directory / "server.pem"
    authority.cert_pem.write_to_path(files[0])
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(files[1])
    return files


async def _initialise(directory: Path, user: str | None) -> None:
    program = shutil.which("mariadb-install-db", path=_path())
    assert program is not None, "mariadb-install-db comes with mariadbd"
    installation = ServerProcess(
        name="mariadb-install-db",
        command=[
            program,
            "--no-defaults",
            f"--datadir={directory}/data",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            UNSYNCED,
            "--innodb-log-file-size=16M",
        ],
        directory=directory,
        log_path=directory / "install.log",
        user=user,
    )
    installation.start()
    try:
        await installation.finished(within_s=INSTALLED_WITHIN_S)
    finally:
        await installation.stop()


def _path() -> str:
    named = os.environ.get("MARIADB_SERVER")
    first = [str(Path(named).parent), str(Path(named).parent.parent / "bin")] if named else []
    return os.pathsep.join([*first, os.environ.get("PATH", ""), "/usr/sbin"])
