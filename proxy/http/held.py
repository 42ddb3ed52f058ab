"""Transactions of a client: begun, committed, undone."""

from typing import Final

from proxy.http.call import Call, Reply
from proxy.http.transactions import State

_CREATED: Final = 201


async def begin(call: Call) -> Reply:
    """Begin a transaction."""
    timeout_s = min(call.given["timeout_s"] or call.parts.transaction_s, call.parts.transaction_s)
    identifier = await call.parts.transactions.begin(call.token.name, timeout_s=timeout_s)
    return Reply(
        status=_CREATED,
        document={"id": identifier, "state": State.OPEN.value, "timeout_s": timeout_s},
        headers={"Location": f"/v1/transactions/{identifier}"},
    )


async def commit(call: Call) -> Reply:
    """Let a transaction take effect."""
    return await _end(call, State.COMMITTED)


async def abort(call: Call) -> Reply:
    """Undo a transaction."""
    return await _end(call, State.ABORTED)


async def _end(call: Call, state: State) -> Reply:
    identifier = call.path["transaction"]
    ended = await call.parts.transactions.end(identifier, call.token.name, state)
    return Reply(document={"id": identifier, "state": ended.value})
