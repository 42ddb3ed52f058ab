"""A command of a driver with everything that belongs to it."""

import time
from dataclasses import dataclass
from typing import Any, Final

from proxy.request import Request
from proxy.serving.client import Client
from proxy.serving.refusals import BAD_VALUE, RefusalError

FOREVER: Final = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One command: `now_ms` is the server's clock, by which `$$NOW` and its like go."""

    request: Request
    client: Client
    now_ms: int

    @property
    def command(self) -> dict[str, Any]:
        """The command as it was sent."""
        return self.request.command

    @property
    def session_key(self) -> bytes | None:
        """What names the session, None for a command without one."""
        session = self.request.session
        return None if session is None else session.key

    @property
    def owner(self) -> tuple[str, bytes | None]:
        """Whose cursors this command may read."""
        return self.client.user, self.session_key

    @property
    def time_limit_s(self) -> float | None:
        """How long the command may take, None where it does not say."""
        given = self.command.get("maxTimeMS")
        if given is None:
            return None
        if isinstance(given, bool) or not isinstance(given, int | float) or given < 0:
            raise RefusalError(BAD_VALUE, f"{given} value for maxTimeMS is out of range")
        return float(given) / 1000 or None


def clock_ms() -> int:
    """Return the wall clock in milliseconds."""
    return time.time_ns() // 1_000_000
