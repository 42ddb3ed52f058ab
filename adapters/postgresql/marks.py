"""Marks of applied writes, and the outcome that each had, as BSON."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

import sqlalchemy as sa
from bson.int64 import Int64
from sqlalchemy.dialects.postgresql import BYTEA, insert

from adapters.gateway import Applied, ForgoneError, Mark
from adapters.postgresql.connections import Connection
from adapters.sql.dialect import compiled
from comparators.canonical import decode, encode
from comparators.outcome import (
    Acknowledgement,
    Documents,
    Done,
    Failure,
    Modified,
    Outcome,
    Result,
    WriteError,
)

APPLIED: Final = sa.Table(
    "applied",
    sa.MetaData(),
    sa.Column("log", sa.Text, primary_key=True),
    sa.Column("position", sa.BigInteger, primary_key=True),
    sa.Column("outcome", BYTEA, nullable=False),
    schema="parallax",
)
CONSTRAINT: Final = "applied_pkey"
FORGONE: Final = "forgone"
"""The kind of a mark whose write is never applied."""

_ONE = (APPLIED.c.log == sa.bindparam("log"), APPLIED.c.position == sa.bindparam("position"))
_OUTCOME: Final = compiled(sa.select(APPLIED.c.outcome).where(*_ONE))
_TOUCHED: Final = compiled(
    sa.select(APPLIED.c.position, APPLIED.c.outcome).where(APPLIED.c.log == sa.bindparam("log"))
)
_WRITE: Final = compiled(
    sa.insert(APPLIED).values(
        log=sa.bindparam("log"), position=sa.bindparam("position"), outcome=sa.bindparam("outcome")
    )
)
_FORGO: Final = compiled(
    insert(APPLIED)
    .values(
        log=sa.bindparam("log"), position=sa.bindparam("position"), outcome=sa.bindparam("outcome")
    )
    .on_conflict_do_nothing()
)
_LOGS: Final = compiled(
    sa.select(APPLIED.c.log, sa.func.max(APPLIED.c.position))
    .where(sa.func.starts_with(APPLIED.c.log, sa.bindparam("beginning", type_=sa.Text)))
    .group_by(APPLIED.c.log)
)
_FORGET: Final = compiled(
    sa.delete(APPLIED).where(
        APPLIED.c.log == sa.bindparam("log"), APPLIED.c.position < sa.bindparam("position")
    )
)


async def outcome_of(connection: Connection, mark: Mark) -> Outcome | None:
    """Return the outcome of a write that was applied before, else None; ForgoneError where it was given up."""
    stored = await connection.fetchval(_OUTCOME.text, *_OUTCOME.arguments(_values(mark)))
    if stored is None:
        return None
    if decode(stored)["kind"] == FORGONE:
        raise ForgoneError(
            "a write was given up before it was applied",
            where=f"{mark.log}:{mark.position}",
            remedy="read its documents from the legacy path",
        )
    return decoded(stored)


async def forgo(connection: Connection, mark: Mark) -> None:
    """Take the place of a mark, so that an attempt that is still under way is undone at its end.

    An attempt that has come as far as its own mark is waited for.
    """
    stored = encode({"touched": {}, "kind": FORGONE})
    values = {**_values(mark), "outcome": stored}
    await connection.execute(_FORGO.text, *_FORGO.arguments(values))


async def write(connection: Connection, mark: Mark, outcome: Outcome) -> None:
    """Mark a write as applied; a second mark of one place is a unique violation."""
    values = values_of(mark, outcome)
    await connection.execute(_WRITE.text, *_WRITE.arguments(values))


def values_of(mark: Mark, outcome: Outcome) -> dict[str, Any]:
    """Return the parameters of statements that write a mark beside something else."""
    return {**_values(mark), "outcome": encoded(outcome, mark)}


async def write_transaction(
    connection: Connection, mark: Mark, touched: Mapping[str, Sequence[Any]]
) -> None:
    """Mark a transaction as applied; `touched` holds its `_id`s by namespace."""
    named = {name: list(ids) for name, ids in touched.items()}
    stored = encode({"touched": named, "kind": "done", **_circumstances(mark)})
    values = {**_values(mark), "outcome": stored}
    await connection.execute(_WRITE.text, *_WRITE.arguments(values))


async def touched(connection: Connection, log: str) -> list[Applied]:
    """Return what the marks of a log touched."""
    rows = await connection.fetch(_TOUCHED.text, *_TOUCHED.arguments({"log": log}))
    return [each for position, stored in rows for each in _applied(position, decode(stored))]


def _applied(position: int, fields: Mapping[str, Any]) -> list[Applied]:
    return [
        Applied(
            namespace=namespace,
            identifiers=identifiers,
            alternatives=fields.get("alternatives", ()),
            position=position,
            excuse=fields.get("excuse"),
            generated=fields.get("generated", False),
        )
        for namespace, identifiers in fields["touched"].items()
        if identifiers
    ]


async def logs(connection: Connection, beginning: str) -> dict[str, int]:
    """Return the logs whose names begin so, each with its last marked position."""
    rows = await connection.fetch(_LOGS.text, *_LOGS.arguments({"beginning": beginning}))
    return dict(map(tuple, rows))


async def forget(connection: Connection, log: str, below: int) -> None:
    """Delete the marks of a log under a position."""
    await connection.execute(_FORGET.text, *_FORGET.arguments({"log": log, "position": below}))


def encoded(outcome: Outcome, mark: Mark) -> bytes:
    """Return an outcome of a write as BSON, with what it touched by namespace."""
    fields = {"touched": {mark.namespace: list(outcome.touched)}, **_circumstances(mark)}
    if outcome.alternatives:
        fields["alternatives"] = list(outcome.alternatives)
    return encode({**fields, **_fields(outcome.result)})


def decoded(stored: bytes) -> Outcome:
    """Return the outcome that `encoded` wrote; it took no time to look up what was done before."""
    document = decode(stored)
    return Outcome(
        result=_result(document),
        duration_s=0.0,
        touched=tuple(chain.from_iterable(document["touched"].values())),
        alternatives=tuple(document.get("alternatives", ())),
        excuse=document.get("excuse"),
    )


def _circumstances(mark: Mark) -> dict[str, Any]:
    """Return what is kept of the moment at which a write runs; most have nothing to keep."""
    kept: dict[str, Any] = {}
    if mark.excuse is not None:
        kept["excuse"] = mark.excuse
    if mark.generated:
        kept["generated"] = True
    if mark.replaced:
        kept["replaced"] = list(mark.replaced)
    return kept


def _values(mark: Mark) -> dict[str, Any]:
    return {"log": mark.log, "position": mark.position}


def _fields(result: Result) -> dict[str, Any]:
    match result:
        case Acknowledgement(n=n, modified=modified, upserted=upserted, errors=errors):
            return {
                "kind": "acknowledgement",
                "n": Int64(n),
                "modified": modified,
                "upserted": [list(pair) for pair in upserted],
                "errors": [
                    [error.index, error.code, error.key_pattern, error.key_value, error.message]
                    for error in errors
                ],
            }
        case Modified(document=document, n=n, updated_existing=existing, upserted_id=upserted_id):
            return {
                "kind": "modified",
                "document": document,
                "n": Int64(n),
                "existing": existing,
                "upserted_id": upserted_id,
            }
        case Failure(code=code, code_name=name, key_pattern=pattern, key_value=value):
            return {
                "message": result.message,
                "kind": "failure",
                "code": code,
                "name": name,
                "pattern": pattern,
                "value": value,
            }
        case Done():
            return {"kind": "done"}
        case Documents(documents=()):
            # A pipeline that stores its result answers with none of it.
            return {"kind": "stored"}
        case _:
            raise TypeError(f"{type(result).__name__} is not the result of a write")


def _result(fields: dict[str, Any]) -> Result:
    match fields["kind"]:
        case "acknowledgement":
            modified = fields["modified"]
            return Acknowledgement(
                n=int(fields["n"]),
                modified=None if modified is None else int(modified),
                upserted=_pairs(fields["upserted"]),
                errors=tuple(
                    WriteError(
                        index=index,
                        code=code,
                        key_pattern=pattern,
                        key_value=value,
                        message=message,
                    )
                    for index, code, pattern, value, message in map(_with_message, fields["errors"])
                ),
            )
        case "modified":
            return Modified(
                document=fields["document"],
                n=int(fields["n"]),
                updated_existing=fields["existing"],
                upserted_id=fields["upserted_id"],
            )
        case "failure":
            return Failure(
                code=fields["code"],
                code_name=fields["name"],
                key_pattern=fields["pattern"],
                key_value=fields["value"],
                message=fields.get("message", ""),
            )
        case "done":
            return Done()
        case "stored":
            return Documents(documents=())
        case kind:
            raise TypeError(f"{kind!r} is no kind of outcome")


def _with_message(stored: Sequence[Any]) -> Sequence[Any]:
    """Return a stored error; those of older versions have no message."""
    return (*stored, "")[:5]


def _pairs(stored: Sequence[Sequence[Any]]) -> tuple[tuple[int, Any], ...]:
    return tuple((index, identifier) for index, identifier in stored)
