"""Tell of commands that the gateway has answered, in the trace that their `comment` names."""

import time
from typing import Any, Final

from proxy.request import KINDS, Request
from proxy.serving.refusals import (
    EXCEEDED_MEMORY_LIMIT,
    INTERNAL_ERROR,
    INTERRUPTED_AT_SHUTDOWN,
    MAX_TIME_EXPIRED,
)
from proxy.tracing.context import parent_of
from proxy.tracing.served import Served
from proxy.tracing.stint import Fact

ABOUT_DATA: Final = KINDS.keys() | {"getMore", "commitTransaction", "abortTransaction"}
"""Whatever else drivers ask is their own conversation with a server."""
WENT_WRONG: Final = frozenset(
    {INTERNAL_ERROR, MAX_TIME_EXPIRED, EXCEEDED_MEMORY_LIMIT, INTERRUPTED_AT_SHUTDOWN}
)
"""Codes that say that the gateway did not do what it could have done. All others are answers."""


def tell(served: Served, request: Request, reply: dict[str, Any], seconds: float) -> None:
    """Tell of a command that has just been answered, after so many seconds."""
    if request.name not in ABOUT_DATA:
        return
    above = parent_of(request.command.get("comment"))
    kind = KINDS.get(request.name)
    named = request.name if kind is None else kind.value
    collection = _collection_of(request)
    code = _code_of(reply)
    facts: dict[str, Fact] = {
        "db.system.name": "postgresql",
        "db.namespace": request.database,
        "db.operation.name": named,
        "parallax.side": "gateway",
    }
    if collection:
        facts["db.collection.name"] = collection
    if code is not None:
        facts["db.response.status_code"] = str(code)
    served.ended(
        served.begun(above),
        f"serving {named} {collection}".rstrip(),
        facts,
        above=above,
        began_ns=time.time_ns() - int(seconds * 1e9),
        seconds=seconds,
        error=None if code is None else str(code),
        went_wrong=code in WENT_WRONG,
    )


def _collection_of(request: Request) -> str:
    """Return the collection that a command names, empty for none."""
    named = request.command.get("collection" if request.name == "getMore" else request.name)
    return named if isinstance(named, str) else ""


def _code_of(reply: dict[str, Any]) -> int | None:
    """Return why a command was refused, or the first of its writes; None where nothing was."""
    failed = next(iter(reply.get("writeErrors", ())), reply)
    code: int | None = failed.get("code")
    return code
