"""Commands that are part of something: a cursor that is read on, a transaction that ends."""

from contextlib import suppress
from typing import Any

from adapters.gateway import Generated
from comparators.operation import Kind, Operation
from tests.differential.commands.running import Ran, fill
from tests.differential.programs.running import Sides
from tests.differential.programs.tally import End
from tests.differential.twins import NOW_MS, RAW

Document = dict[str, Any]

DOCUMENTS = [{"_id": number, "n": number % 3, "text": "some"} for number in range(7)]


class RollbackError(Exception):
    """Ends a transaction of the gateway without effect."""


async def read_on(sides: Sides, ran: Ran, label: str, command: Document) -> None:
    """Read a cursor with `getMore` on mongod, and its whole result on the gateway."""
    twins = sides.twins(command["collection"])
    await fill(twins, DOCUMENTS)
    reply = await sides.mongo.command({"find": twins.collection, "batchSize": 2}, codec_options=RAW)
    cursor = reply["cursor"]
    read = [document.raw for document in cursor["firstBatch"]]
    while cursor["id"]:
        more = {**command, "getMore": cursor["id"], "collection": twins.collection}
        cursor = (await sides.mongo.command(more, codec_options=RAW))["cursor"]
        read += [document.raw for document in cursor["nextBatch"]]
    answered = await twins.ask(Kind.FIND, {"batchSize": 2})
    _count(ran, label, "getMore", alike=tuple(read) == getattr(answered, "documents", None))


async def end_transaction(sides: Sides, ran: Ran, label: str, command: Document) -> None:
    """Insert and update in a transaction of each side, and commit or abort both."""
    name = next(iter(command))
    twins = sides.twins("transaction")
    await fill(twins, DOCUMENTS)
    writes: list[tuple[Kind, Document]] = [
        (Kind.INSERT, {"documents": [{"_id": "new"}]}),
        (Kind.UPDATE, {"updates": [{"q": {"n": 1}, "u": {"$inc": {"n": 5}}, "multi": True}]}),
    ]
    async with sides.mongo.client.start_session() as session:
        await session.start_transaction()
        for kind, arguments in writes:
            await sides.mongo.command({kind.value: twins.collection, **arguments}, session=session)
        await (
            session.commit_transaction()
            if name == "commitTransaction"
            else session.abort_transaction()
        )
    with suppress(RollbackError):
        async with sides.gateway.transaction() as transaction:
            for kind, arguments in writes:
                operation = Operation(
                    database="twin", collection=twins.collection, kind=kind, arguments=arguments
                )
                await transaction.run(operation, generated=Generated(now_ms=NOW_MS))
            _end(name)
    legacy, gateway = await twins.documents()
    _count(ran, label, name, alike=legacy == gateway)


def _end(name: str) -> None:
    if name == "abortTransaction":
        raise RollbackError


def _count(ran: Ran, label: str, name: str, *, alike: bool) -> None:
    ran.commands[name] += 1
    ran.tally.ends[End.EQUAL if alike else End.DIFFERENT] += 1
    if not alike:
        ran.different.append(f"{label} {name}")
