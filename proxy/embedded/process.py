"""One server process: started, waited for, and stopped by its own pid.

The kernel signals the child when the *thread* that started it ends (PR_SET_PDEATHSIG), so that no server outlives
its parent, even after `kill -9`. Start children from a thread that lives as long as they should: the main one.
Source: prctl(2), PR_SET_PDEATHSIG.
"""

import asyncio
import ctypes
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from comparators.errors import UnreachableError

PR_SET_PDEATHSIG = 1
POLL_S = 0.01
LOG_TAIL_BYTES = 2000

_libc = ctypes.CDLL(None, use_errno=True)


def free_port() -> int:
    """Return a loopback port that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass(slots=True, kw_only=True)
class ServerProcess:
    """A command that can be started again after it was stopped, on the same port and data."""

    name: str
    command: Sequence[str]
    directory: Path
    log_path: Path
    user: str | None = None
    """Run as this user; None means as who we are. Only root may name another."""
    environment: Mapping[str, str] | None = None
    """None passes our own on."""
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends when the parent is gone."""
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int | None:
        """The running process, or None between two runs."""
        return self._child.pid if self._child is not None and self.alive else None

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start the command; it is not yet ready when this returns."""
        if self.alive:
            message = f"{self.name} already runs"
            raise RuntimeError(message)
        with self.log_path.open("ab") as log:
            self._child = subprocess.Popen(  # noqa: S603 - the command is our own
                self.command,
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                user=self.user,
                group=_group_of(self.user),
                extra_groups=None if self.user is None else [],
                # Runs after the change of user, which would clear the signal.
                preexec_fn=partial(_die_with, os.getpid(), self.death_signal),  # noqa: PLW1509 - one prctl call
            )

    def send(self, what: signal.Signals) -> None:
        """Send a signal to the process if it still runs."""
        if self._child is not None and self.alive:
            self._child.send_signal(what)

    async def stop(self, how: signal.Signals = signal.SIGTERM, *, within_s: float = 10) -> None:
        """Signal the process and wait for its end; after `within_s` it is killed."""
        self.send(how)
        try:
            async with asyncio.timeout(within_s):
                await self._ended()
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self._ended()

    async def ready(self, answers: Callable[[], Awaitable[bool]], *, within_s: float) -> None:
        """Wait until `answers` is true; UnreachableError with the end of the log if the process dies or is late."""
        deadline = time.monotonic() + within_s
        while not await answers():
            if not self.alive:
                raise self._failure("ended before it was ready")
            if time.monotonic() > deadline:
                raise self._failure(f"was not ready within {within_s:g} s")
            await asyncio.sleep(POLL_S)

    async def finished(self, *, within_s: float) -> None:
        """Wait for a command that ends by itself; UnreachableError if it fails or is late."""
        try:
            async with asyncio.timeout(within_s):
                await self._ended()
        except TimeoutError as late:
            self.send(signal.SIGKILL)
            raise self._failure(f"had not finished after {within_s:g} s") from late
        if self._child is not None and self._child.returncode != 0:
            raise self._failure(f"failed with exit code {self._child.returncode}")

    async def _ended(self) -> None:
        while self.alive:  # noqa: ASYNC110 - a child has no event that works on every loop
            await asyncio.sleep(POLL_S)

    def _failure(self, what: str) -> UnreachableError:
        tail = self.log_path.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
        return UnreachableError(
            f"{self.name} {what}",
            where=str(self.log_path),
            remedy=f"its log ends with:\n{tail}",
        )


async def accepts_connections(port: int) -> bool:
    """Return whether something listens on a loopback port."""
    with socket.socket() as probe:
        probe.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(probe, ("127.0.0.1", port))
        except OSError:
            return False
    return True


def _group_of(user: str | None) -> int | None:
    """Return the numeric group that a user's processes belong to; Popen looks names up, not defaults."""
    if user is None:
        return None
    return pwd.getpwnam(user).pw_gid


def _die_with(parent: int, what: signal.Signals) -> None:
    """In the child: ask the kernel for `what` once the parent is gone, and end if it is gone already."""
    if _libc.prctl(PR_SET_PDEATHSIG, int(what)) != 0 or os.getppid() != parent:
        os._exit(127)
