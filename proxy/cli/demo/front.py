"""The HTTP API of the demonstration's sidecar."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from proxy.embedded.http import tokens_named
from proxy.embedded.process import accepts_connections, free_port
from proxy.embedded.waiting import until
from proxy.http.tokens import Scope
from proxy.jobs.workload.run import DATABASE

_READY_WITHIN_S: Final = 60
_TOKEN: Final = "demonstration"  # noqa: S105 - of a server that lives for a minute


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFront:
    """Where the API is, and the settings that put it there."""

    port: int
    token: str
    settings: Mapping[str, str]

    @classmethod
    def at(cls, directory: Path) -> Self:
        """Return an API that is not there yet; its tokens are below a folder."""
        port = free_port()
        tokens = tokens_named(directory, {_TOKEN: (Scope.READ, Scope.WRITE)})
        settings = {
            "PARALLAX_HTTP_LISTEN": f"127.0.0.1:{port}",
            "PARALLAX_HTTP_NAME": DATABASE,
            "PARALLAX_HTTP_TOKENS": str(tokens),
            "PARALLAX_HTTP_REQUESTS_PER_S": "0",
        }
        return cls(port=port, token=_TOKEN, settings=settings)

    @property
    def address(self) -> str:
        """Where people send their requests."""
        return f"http://127.0.0.1:{self.port}"

    async def ready(self) -> None:
        """Wait until it can be called."""

        async def answers() -> bool | None:
            return await accepts_connections(self.port) or None

        await until(answers, within_s=_READY_WITHIN_S, what="the HTTP API does not answer")
