"""`parallax http` as a process on loopback: the HTTP API on one database."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from proxy.embedded.command import ListeningCommand
from proxy.embedded.process import free_port
from proxy.http.tokens import Scope, Token, hash_of, write_tokens

TOKENS = "tokens.toml"


class EmbeddedHttp(ListeningCommand):
    """A running `parallax http`."""

    @property
    def address(self) -> str:
        """Where clients send their requests."""
        return f"http://127.0.0.1:{self.port}"


def tokens_named(
    directory: Path, scopes: Mapping[str, tuple[Scope, ...]], users: tuple[str, ...] = ()
) -> Path:
    """Write a file of tokens that are no secrets: each is its own name. Those of `users` belong to a user of that name."""
    path = directory / TOKENS
    tokens = [
        Token(name=name, sha256=hash_of(name), scopes=frozenset(allowed))
        for name, allowed in scopes.items()
    ]
    tokens += [
        Token(name=name, sha256=hash_of(name), scopes=frozenset({Scope.READ}), user=name)
        for name in users
    ]
    write_tokens(path, tokens)
    return path


@asynccontextmanager
async def embedded_http(
    directory: Path, *, database: str, settings: Mapping[str, str] | None = None
) -> AsyncIterator[EmbeddedHttp]:
    """Serve a database over HTTP; `settings` are PARALLAX_ variables. A token `admin` may do everything."""
    port = free_port()
    tokens = tokens_named(directory, {"admin": (Scope.ADMIN,)})
    command = EmbeddedHttp.of(
        "http",
        directory,
        settings={
            "PARALLAX_HTTP_DATABASE": database,
            "PARALLAX_HTTP_TOKENS": str(tokens),
            "PARALLAX_DATA_DIRECTORY": str(directory / "data"),
            **(settings or {}),
        },
        arguments=("--at", f"127.0.0.1:{port}"),
    )
    served = replace(command, port=port)
    await served.start()
    try:
        yield served
    finally:
        await served.stop()
