"""What repositories and models need of a database: it answers operations as MongoDB would."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from adapters.gateway import Generated, Transaction
from comparators.operation import Operation
from comparators.outcome import Outcome


class Database(Protocol):
    """A database behind repositories: MongoDB itself, or a gateway.

    Raises UnreachableError when the database is away, UnsupportedError, before anything was changed, when it has no
    exact counterpart for an operation. What MongoDB would refuse is an Outcome with a Failure or write errors.
    """

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:
        """Run one operation."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction: committed at a clean exit, else rolled back; ConflictError where it may be tried again."""

    async def reachable(self) -> None:
        """Return when the database answers; UnreachableError when it does not."""
