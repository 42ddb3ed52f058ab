"""The API as a process, on MongoDB and on PostgreSQL; a test file may ask for MariaDB and SQLite besides."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from sqlalchemy.schema import CreateSchema

from adapters.mongoose.models import LIBRECHAT
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.embedded.http import EmbeddedHttp, embedded_http, tokens_named
from proxy.http.tokens import Scope
from tests.administering import administer_mysql
from tests.peers.mariadb_server import RunningMariadb

NAME = "over_http"
SCOPES = {
    "reader": (Scope.READ,),
    "writer": (Scope.READ, Scope.WRITE),
    "only_writer": (Scope.WRITE,),
    "admin": (Scope.ADMIN,),
}
ENTITIES = {"AuditLog", "Balance", "Conversation", "Message", "Transaction", "User"}
SETTINGS = {
    "PARALLAX_HTTP_ENSURE_INDEXES": "true",
    "PARALLAX_HTTP_NAME": NAME,
    "PARALLAX_HTTP_REQUESTS_PER_S": "0",
    "PARALLAX_HTTP_MAX_BODY_BYTES": "100000",
    "PARALLAX_HTTP_TRANSACTIONS": "4",
    "PARALLAX_GATEWAY_ENTITIES": "librechat",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Any
    body: Any

    @property
    def code(self) -> str:
        """The code of the problem."""
        assert self.headers["Content-Type"].startswith("application/problem+json"), self
        assert self.body["status"] == self.status
        return str(self.body["code"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A client of a running API; each token is its own name."""

    session: aiohttp.ClientSession
    served: EmbeddedHttp

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "admin",
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Answer:
        """Send a request, with the body as JSON."""
        told = dict(headers or {})
        if token is not None:
            told["Authorization"] = f"Bearer {token}"
        if body is not None:
            options["json"] = body
        url = self.served.address + path
        async with self.session.request(method, url, headers=told, **options) as response:
            text = (await response.read()).decode(errors="replace")
            is_json = "json" in response.headers.get("Content-Type", "")
            content = await response.json(content_type=None) if is_json and text else text
            return Answer(status=response.status, headers=response.headers, body=content)


@pytest.fixture(scope="session")
def settings(server_directory: Path) -> dict[str, str]:
    """Give the settings of both; a few models suffice, and their indexes are made soon."""
    exported = json.loads(LIBRECHAT.read_text())
    exported["models"] = [each for each in exported["models"] if each["model"] in ENTITIES]
    models = server_directory / "models.json"
    models.write_text(json.dumps(exported))
    return {**SETTINGS, "PARALLAX_HTTP_MODELS": str(models)}


@pytest.fixture(scope="session")
async def on_mongodb(
    mongo: EmbeddedMongo, server_directory: Path, settings: dict[str, str]
) -> AsyncIterator[EmbeddedHttp]:
    directory = server_directory / "http-mongodb"
    async with embedded_http(directory, database=mongo.uri, settings=settings) as served:
        tokens_named(directory, SCOPES)
        yield served
        assert "http_failed" not in served.log.read_text()


@pytest.fixture(scope="session")
async def on_postgresql(
    postgres: EmbeddedPostgres, server_directory: Path, settings: dict[str, str]
) -> AsyncIterator[EmbeddedHttp]:
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute("CREATE DATABASE over_http")
    await connection.close()
    directory = server_directory / "http-postgresql"
    dsn = postgres.dsn_of("over_http")
    shared = {**settings, "PARALLAX_HTTP_ANSWERS_URI": dsn}
    async with embedded_http(directory, database=dsn, settings=shared) as served:
        tokens_named(directory, SCOPES)
        yield served
        assert "http_failed" not in served.log.read_text()


@pytest.fixture(scope="session")
async def on_mysql(
    mariadb: RunningMariadb, server_directory: Path, settings: dict[str, str]
) -> AsyncIterator[EmbeddedHttp]:
    await administer_mysql(mariadb, CreateSchema("over_http"))
    directory = server_directory / "http-mysql"
    url = mariadb.url_of("over_http")
    async with embedded_http(directory, database=url, settings=settings) as served:
        tokens_named(directory, SCOPES)
        yield served
        assert "http_failed" not in served.log.read_text()


@pytest.fixture(scope="session")
async def on_sqlite(
    server_directory: Path, settings: dict[str, str]
) -> AsyncIterator[EmbeddedHttp]:
    directory = server_directory / "http-sqlite"
    url = f"sqlite:///{server_directory}/over_http.db"
    async with embedded_http(directory, database=url, settings=settings) as served:
        tokens_named(directory, SCOPES)
        yield served
        assert "http_failed" not in served.log.read_text()


@pytest.fixture(params=["mongodb", "postgresql"])
def served(request: pytest.FixtureRequest) -> EmbeddedHttp:
    """Give the process on a database."""
    found: EmbeddedHttp = request.getfixturevalue(f"on_{request.param}")
    return found


@pytest.fixture
async def api(served: EmbeddedHttp) -> AsyncIterator[Api]:
    """Give a client of it."""
    async with aiohttp.ClientSession() as session:
        yield Api(session=session, served=served)
