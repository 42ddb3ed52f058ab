"""Single reads answered from the gateway for a relay, which has asked MongoDB as well and falls back to its answer.

So nothing here has to be complete: whatever cannot be answered at once and exactly is refused. There are no writes, no
transactions, no users (the socket belongs to the relay's user), and no gossip of a cluster that is MongoDB's own.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import bson
import structlog

from adapters.gateway import Gateway
from comparators.canonical import CODEC
from comparators.errors import ParallaxError, UnreachableError
from comparators.operation import Kind
from proxy.request import Control, Request, read_request
from proxy.serving.asked import Asked, clock_ms
from proxy.serving.availability import Availability
from proxy.serving.client import Client
from proxy.serving.commands import (
    MALFORMED,
    SERVED,
    UNKNOWN,
    Answered,
    frames_of,
    monotonic,
    nobody,
)
from proxy.serving.cursors import Cursors
from proxy.serving.operations import Operations
from proxy.serving.reading_on import killed_of, more_of
from proxy.serving.refusals import (
    COMMAND_NOT_SUPPORTED,
    INTERNAL_ERROR,
    MAX_TIME_EXPIRED,
    RefusalError,
    away,
    refusal,
)
from proxy.serving.retries import Retries
from proxy.serving.spans import tell
from proxy.serving.transactions import Transactions
from proxy.serving.whole import WholeResults
from proxy.tracing.context import parent_of
from proxy.tracing.exemplar import named_by
from proxy.tracing.served import Served

_log = structlog.get_logger()

READS: Final = frozenset({Kind.FIND, Kind.AGGREGATE, Kind.COUNT, Kind.DISTINCT})


class Reads:
    """Answers the reads of all connections of a relay."""

    def __init__(
        self,
        gateway: Gateway,
        availability: Availability,
        *,
        cursors: Cursors,
        definitions: Callable[[], int],
        answered: Answered = nobody,
        spans: Served | None = None,
    ) -> None:
        """`definitions` changes whenever another process, the verifier, has defined a collection or an index.

        `spans` tells of reads in traces; None where nobody is told.
        """
        self._answered_in = answered
        self._spans = spans
        self._cursors = cursors
        self._gateway = gateway
        self._availability = availability
        self._definitions = definitions
        self._known = 0
        self._operations = Operations(
            gateway=gateway,
            cursors=WholeResults(cursors),
            retries=Retries(monotonic=monotonic),
            transactions=Transactions(
                gateway, at_once=1, lifetime_s=1, monotonic=monotonic, closed=lambda _: None
            ),
        )

    async def answer(self, message: bytes, client: Client) -> bytes:
        """Return the reply as BSON, whatever becomes of it; ValueError for what is no command."""
        try:
            request = read_request(message)
        except MALFORMED as error:
            raise ValueError(f"{type(error).__name__} in a command") from error
        began = monotonic()
        try:
            reply = await self._answered(request, client)
        except RefusalError as error:
            reply = refusal(error)
        except UnreachableError as error:
            self._availability.lost(error.what)
            reply = refusal(away(error.what))
        except ParallaxError as error:
            reply = refusal(RefusalError(INTERNAL_ERROR, error.what))
        except Exception as error:  # noqa: BLE001 - the door of one command
            _log.error(
                "serving_failed",
                kind=request.name,
                error=frames_of(error),
                **named_by(parent_of(request.command.get("comment"))),
            )
            reply = refusal(RefusalError(INTERNAL_ERROR, "an error inside of Parallax"))
        took_s = monotonic() - began
        known = request.name if request.name in SERVED else UNKNOWN
        self._answered_in(known, reply.get("code"), took_s)
        if self._spans is not None:
            tell(self._spans, request, reply, took_s)
        return bson.encode(reply, codec_options=CODEC)

    async def _answered(self, request: Request, client: Client) -> dict[str, Any]:
        session = request.session
        asked = Asked(request=request, client=client, now_ms=clock_ms())
        if request.control is Control.GET_MORE:
            return more_of(self._cursors, asked)
        if request.control is Control.KILL_CURSORS:
            return killed_of(self._cursors, asked)
        if request.kind not in READS or (session is not None and session.number is not None):
            raise RefusalError(COMMAND_NOT_SUPPORTED, f"no plain read: {request.name}")
        if self._availability.is_away:
            raise away(self._availability.reason)
        definitions = self._definitions()
        if definitions != self._known:
            self._gateway.redefined()
            self._known = definitions
        try:
            async with asyncio.timeout(asked.time_limit_s) as limit:
                with self._availability.ending(limit):
                    return await self._operations.run(asked)
        except TimeoutError as error:
            raise RefusalError(MAX_TIME_EXPIRED, "operation exceeded time limit") from error
