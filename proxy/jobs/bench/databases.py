"""The databases that a benchmark makes on a target, fills, and drops again: never any that it did not make.

Each holds an empty collection that says whose it is, so that what a killed benchmark left behind may be dropped by the next.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from comparators.errors import RefusedError, SettingsError, UnreachableError
from proxy.jobs.bench.operations import decoded
from proxy.jobs.collections import TIMEOUT_MS

MARK: Final = "made_by_parallax_bench"
MOST_BYTES: Final = 63
"""The longest name of a database. Source: MongoDB manual, "Naming Restrictions"."""
_FORBIDDEN: Final = frozenset('/\\. "$*<>:|?\0')


def names_for(prefix: str, target: str, databases: Sequence[str]) -> dict[str, str]:
    """Return the benchmark's own database for each one that the operations name."""
    own = f"{prefix}_{target}"
    names = {
        each: own if len(databases) == 1 else f"{own}_{number}"
        for number, each in enumerate(databases, 1)
    }
    for name in names.values():
        if _FORBIDDEN & set(name) or len(name.encode()) > MOST_BYTES:
            raise SettingsError(
                f"{name!r} is no name of a database",
                where="--database",
                remedy="name a short prefix of letters, digits and underscores",
            )
    return names


@asynccontextmanager
async def client_of(
    uri: str, *, target: str, connections: int
) -> AsyncIterator[AsyncMongoClient[Any]]:
    """Give a client of a target that keeps so many connections; UnreachableError where it does not answer."""
    client: AsyncMongoClient[Any] = AsyncMongoClient(
        uri,
        serverSelectionTimeoutMS=TIMEOUT_MS,
        serverMonitoringMode="poll",
        maxPoolSize=connections,
        appname="parallax-bench",
    )
    async with client:
        with answered_by(target):
            await client.admin.command("ping")
        yield client


@contextmanager
def answered_by(target: str) -> Iterator[None]:
    """Say which target refuses or does not answer."""
    try:
        yield
    except OperationFailure as error:
        raise RefusedError(
            f"the target refuses what a benchmark needs, with code {error.code}",
            where=target,
            remedy="let the user of its address make, fill and drop databases of its own",
        ) from error
    except PyMongoError as error:
        raise UnreachableError(
            f"the target does not answer ({type(error).__name__})",
            where=target,
            remedy="check its address, or leave it out with --target",
        ) from error


async def demand_free(
    client: AsyncMongoClient[Any], names: Iterable[str], *, target: str, force: bool
) -> None:
    """Refuse databases that hold anything, unless a benchmark made them or `force` says that they may go."""
    for name in names:
        with answered_by(target):
            there = {each["name"] async for each in await client[name].list_collections()}
        if there and MARK not in there and not force:
            raise RefusedError(
                f"the database {name} holds collections that no benchmark made",
                where=target,
                remedy="name another prefix with --database, or let it be dropped with --force",
            )


async def fill(
    client: AsyncMongoClient[Any], names: Iterable[str], setup: Iterable[bytes], *, target: str
) -> None:
    """Make databases anew: empty but for what `setup` makes."""
    with answered_by(target):
        for name in names:
            await client.drop_database(name)
            await client[name].create_collection(MARK)
        for command in setup:
            asked: dict[str, Any] = decoded(command)
            await client[asked.pop("$db")].command(asked)


async def drop(client: AsyncMongoClient[Any], names: Iterable[str], *, target: str) -> None:
    """Drop the databases of a benchmark."""
    with answered_by(target):
        for name in names:
            await client.drop_database(name)
