"""One operation asked of MongoDB, by either of the drivers: Motor's names are those of PyMongo Async."""

import time
from collections.abc import Mapping
from typing import Any, Final

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.errors import DocumentTooLarge, OperationFailure

from adapters.mongodb.commands import CURSORS, command_of
from adapters.mongodb.failures import TRANSIENT, failure_of
from adapters.mongodb.replies import read_reply
from comparators.operation import Kind, Operation
from comparators.outcome import Documents, Failure, Outcome, Result

TOO_LARGE: Final = Failure(code=10334, code_name="BSONObjectTooLarge")
RAW: Final = CodecOptions(document_class=RawBSONDocument)
FIRST_BATCH: Final = 101
"""How many documents MongoDB gives with its first reply, unless asked for another number."""


async def ask(
    client: Any,
    operation: Operation,
    *,
    session: Any = None,
    extra: Mapping[str, Any] | None = None,
) -> Outcome:
    """Ask MongoDB, and return its whole answer; its refusal is one too.

    `client` is one of Motor or of PyMongo Async, `extra` are fields of the command that say how it is to be run. The
    driver's other errors pass. Raises UnsupportedError for what is no command with a counterpart.
    """
    began = time.perf_counter()
    database, command = command_of(operation)
    if extra:
        command.update(extra)
    try:
        result = await _answer(
            client.get_database(database, codec_options=RAW), operation, command, session
        )
    except OperationFailure as error:
        if error.has_error_label(TRANSIENT):
            raise
        result = failure_of(error)
    except DocumentTooLarge:
        # The driver does not send what the server would refuse.
        result = TOO_LARGE
    return Outcome(result=result, duration_s=time.perf_counter() - began)


async def _answer(
    database: Any, operation: Operation, command: dict[str, Any], session: Any
) -> Result:
    if operation.kind in CURSORS and not _is_short(operation):
        return await _whole(database, command, session)
    reply = await database.command(command, codec_options=RAW, session=session)
    read = read_reply(operation.kind, bytes(reply.raw))
    if read.batch is None or not read.batch.cursor:
        return read.result
    # Few documents, but more than a reply holds. A transaction may not close a cursor, and does so at its end.
    if session is None:
        kill = {"killCursors": operation.collection, "cursors": [read.batch.cursor]}
        await database.command(kill)
    return await _whole(database, command, session)


async def _whole(database: Any, command: dict[str, Any], session: Any) -> Documents:
    # The first batch is read by the options of the call, the others by those of the database.
    cursor = await database.cursor_command(command, codec_options=RAW, session=session)
    found = await cursor.to_list(None)
    return Documents(documents=tuple(bytes(document.raw) for document in found))


def _is_short(operation: Operation) -> bool:
    """Return whether the answer fits into a first batch: one command then does, at two thirds of the price of a cursor."""
    if operation.kind is Kind.FIND:
        return _is_few(operation.arguments.get("limit"))
    pipeline = operation.arguments.get("pipeline")
    if operation.kind is not Kind.AGGREGATE or not isinstance(pipeline, list) or not pipeline:
        return False
    last = pipeline[-1]
    grouped = last.get("$group")
    # One group, as counts and totals have it: its `_id` is a constant.
    whole = isinstance(grouped, Mapping) and not isinstance(
        grouped.get("_id"), str | Mapping | list
    )
    return whole or "$count" in last or _is_few(last.get("$limit"))


def _is_few(limit: Any) -> bool:
    return isinstance(limit, int) and 0 < limit <= FIRST_BATCH
