"""Writes that drivers may send twice: each is marked by its session and number, and done once.

The mark is written with the write, so that it holds across a crash of either server. It is forgotten when the session has gone on to a
later number, or has not been used for as long as drivers keep one.
Source: MongoDB specifications, "Retryable Writes", "Driver Sessions", section "Server Session Pool".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from adapters.gateway import Mark
from proxy.serving.refusals import TRANSACTION_TOO_OLD, RefusalError

SESSION_MINUTES: Final = 30
"""How long drivers keep a session that is not used (`logicalSessionTimeoutMinutes`)."""
BEGINNING: Final = "serving/"
"""Of the names under which marks are kept; no capture log has such a name."""


class Marked(Protocol):
    """What is needed of a gateway."""

    async def marked(self, beginning: str) -> Mapping[str, int]:
        """Return the logs whose names begin so, with the last position of each."""

    async def forget_marks(self, log: str, *, below: int) -> None:
        """Delete the marks of a log under a position."""


@dataclass(slots=True)
class _Session:
    number: int
    used_s: float
    forgotten: int = 0


class Retries:
    """The numbers that sessions have come to."""

    def __init__(self, *, monotonic: Callable[[], float], beginning: str = BEGINNING) -> None:
        self._monotonic = monotonic
        self._beginning = beginning
        self._sessions: dict[str, _Session] = {}
        self._has_looked = False

    def mark(self, user: str, key: bytes, number: int, namespace: str) -> Mark:
        """Return the mark of a write or a transaction; RefusalError for one that a later one has overtaken."""
        log = self._log_of(user, key)
        session = self._sessions.get(log)
        if session is None:
            session = self._sessions[log] = _Session(number, 0.0)
        if number < session.number:
            raise RefusalError(
                TRANSACTION_TOO_OLD,
                f"Retryable write with txnNumber {number} is prohibited on session because a newer retryable "
                f"write with txnNumber {session.number} has already started on this session.",
            )
        session.number = number
        session.used_s = self._monotonic()
        return Mark(log=log, position=number, namespace=namespace)

    def ended(self, user: str, key: bytes) -> None:
        """Note that a session will not be heard of again."""
        session = self._sessions.get(self._log_of(user, key))
        if session is not None:
            session.used_s = float("-inf")

    async def forget(self, gateway: Marked) -> None:
        """Delete the marks that no driver will ask for."""
        if not self._has_looked:
            await self._look(gateway)
        oldest = self._monotonic() - SESSION_MINUTES * 60
        for log, session in list(self._sessions.items()):
            is_over = session.used_s < oldest
            below = session.number + 1 if is_over else session.number
            if below > session.forgotten:
                await gateway.forget_marks(log, below=below)
                session.forgotten = below
            if is_over and self._sessions.get(log) is session:
                del self._sessions[log]

    async def _look(self, gateway: Marked) -> None:
        """Take over what an earlier process left behind: its sessions may go on with this one."""
        now = self._monotonic()
        for log, last in (await gateway.marked(self._beginning)).items():
            self._sessions.setdefault(log, _Session(last, now))
        self._has_looked = True

    def _log_of(self, user: str, key: bytes) -> str:
        """Return the name under which the marks of a session are kept."""
        return f"{self._beginning}{key.hex()}/{user}"
