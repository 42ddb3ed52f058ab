"""The HTTP API as a server: its parts put together, served, and ended without a lost request."""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final
from uuid import uuid4

import structlog
from aiohttp import web

from adapters.repositories.gateway import RepositoryGateway
from proxy.http.declared import Route
from proxy.http.door import Door, problems_of_router
from proxy.http.entity import Entity, entity_of
from proxy.http.entrance import Entrance
from proxy.http.idempotency import Idempotency
from proxy.http.methods import method_routes
from proxy.http.openapi import document
from proxy.http.pacing import Pacing
from proxy.http.pages import add_pages
from proxy.http.parts import Parts
from proxy.http.routes import ROUTES
from proxy.http.schemas import entity_schemas
from proxy.http.searching import EntitySearch, Searching
from proxy.http.spans import spans_of
from proxy.http.streaming import Streaming
from proxy.http.timed import Answered, timed
from proxy.http.tokens import Tokens
from proxy.http.traced import TracedDatabase
from proxy.http.transactions import Transactions
from proxy.tracing.served import Served

_log = structlog.get_logger()

_LINE_BYTES: Final = 65_536
"""Filters stand in the first line of a request."""
_STRANGERS_PER_S: Final = 5.0
_STRANGERS_AT_ONCE: Final = 20
"""Requests without a token that is known, from one address: nobody guesses one, but many cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a client may ask for; times in seconds."""

    body_bytes: int
    requests_per_s: float
    burst: int
    request_s: float
    transaction_s: float
    transactions: int
    keep_answers_s: float
    file_bytes: int


class Front:
    """The API of the repositories of an application, on one database.

    `answers` is the address where the answers to writes with a key are kept, those of the application called `name`.
    """

    def __init__(
        self,
        gateway: RepositoryGateway,
        traced: TracedDatabase,
        *,
        tokens: Tokens,
        answers: str,
        name: str,
        limits: Limits,
        answered: Answered,
        searching: Searching,
        spans: Served | None = None,
    ) -> None:
        """`gateway` is connected, and its database is `traced`; `answered` is told of every answer.

        `spans` tells of requests in traces; None where nobody is told.
        """
        self._spans = spans
        self._searching = searching
        self._answered = answered
        self._limits = limits
        self._gateway = gateway
        self._traced = traced
        self._entities: Mapping[str, Entity] = {
            name: entity_of(gateway.repository(name)) for name in gateway.names
        }
        self._transactions = Transactions(traced, most=limits.transactions)
        self._idempotency = Idempotency(
            answers,
            application=name,
            process=uuid4().hex,
            keep_s=limits.keep_answers_s,
            within_s=limits.request_s,
            now_s=time.time,
        )
        self._tokens = tokens

    async def run(
        self, *, host: str, port: int, drain_s: float, tls: ssl.SSLContext | None = None
    ) -> None:
        """Serve until cancelled; requests under way are then answered within `drain_s`.

        OSError where the address cannot be listened on.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                holding = tasks.create_task(self._transactions.run(), name="transactions")
                try:
                    await self._serve(host, port, drain_s, tls)
                finally:
                    holding.cancel()
        finally:
            await self._idempotency.close()

    async def _serve(
        self, host: str, port: int, drain_s: float, tls: ssl.SSLContext | None
    ) -> None:
        runner = web.AppRunner(
            self.application(),
            access_log=None,
            shutdown_timeout=drain_s,
            max_line_size=_LINE_BYTES,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, ssl_context=tls).start()
            _log.info("http_listening", peer=f"{host}:{port}", entities=len(self._entities))
            await asyncio.Event().wait()
        finally:
            # No new connection, then an answer to everything that was read, then the end.
            await runner.cleanup()

    def application(self) -> web.Application:
        """Return the API as an application of aiohttp."""
        app = web.Application(
            middlewares=[
                timed(self._answered),
                *(() if self._spans is None else (spans_of(self._spans),)),
                problems_of_router,
            ],
            client_max_size=self._limits.body_bytes,
        )
        door = self._door()
        streaming = Streaming(parts=door.parts, entrance=door.entrance, traced=self._traced)
        # Those of one entity first: their paths are those of others with a name in it.
        for route in (*self._methods(), *ROUTES):
            handler = (
                door.handler(route)
                if route.stream is None
                else streaming.handler(route, route.stream)
            )
            app.router.add_route(route.method, route.path, handler)
        told = document(
            sorted(self._entities),
            methods=self._methods(),
            schemas=self._schemas(),
            version=version("parallax"),
        )
        add_pages(app, told, self._gateway)
        return app

    def _schemas(self) -> dict[str, dict[str, Any]]:
        return {
            each: made
            for name, entity in self._entities.items()
            for each, made in entity_schemas(name, entity.schema, entity.hidden).items()
        }

    def _methods(self) -> list[Route]:
        return [
            route
            for name, entity in sorted(self._entities.items())
            for route in method_routes(name, type(entity.repository))
        ]

    def _door(self) -> Door:
        limits = self._limits
        known = Pacing(
            per_second=limits.requests_per_s, burst=limits.burst, monotonic=time.monotonic
        )
        strangers = Pacing(
            per_second=_STRANGERS_PER_S, burst=_STRANGERS_AT_ONCE, monotonic=time.monotonic
        )
        parts = Parts(
            entities=self._entities,
            database=self._traced,
            transactions=self._transactions,
            search=EntitySearch(self._searching),
            searching=self._searching,
            transaction_s=limits.transaction_s,
            stored_files=self._gateway.stored_files(),
            file_bytes=limits.file_bytes,
            request_s=limits.request_s,
        )
        return Door(
            parts=parts,
            entrance=Entrance(self._tokens, known=known, strangers=strangers),
            idempotency=self._idempotency,
            traced=self._traced,
            request_s=limits.request_s,
        )
