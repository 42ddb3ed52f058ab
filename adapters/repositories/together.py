"""Operations that take effect together, alike on every database, and tried again where two got in each other's way."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from adapters.database import Database
from adapters.gateway import ConflictError, Generated, Transaction
from comparators.errors import RefusedError
from comparators.operation import Operation
from comparators.outcome import Acknowledgement, Failure, Outcome

ATTEMPTS: Final = 10
FIRST_PAUSE_S: Final = 0.005
LONGEST_PAUSE_S: Final = 0.5

T = TypeVar("T")


class Together:
    """An open transaction. The first operation that is refused undoes it, as on MongoDB: nothing may follow."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.refused = False

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:
        """Run one operation inside the transaction."""
        self.check()
        outcome = await self._transaction.run(operation, generated=generated)
        result = outcome.result
        if isinstance(result, Failure) or (isinstance(result, Acknowledgement) and result.errors):
            self.refused = True
        return outcome

    def check(self) -> None:
        """Raise RefusedError if the transaction was undone."""
        if self.refused:
            raise RefusedError(
                "an operation was refused, which undid its transaction",
                where="transaction",
                remedy="let the error of the operation end the transaction, and begin a new one",
            )


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[Together]:
    """Open a transaction once: committed at a clean exit if nothing in it was refused, else rolled back."""
    async with database.transaction() as transaction:
        together = Together(transaction)
        yield together
        together.check()


async def repeated(database: Database, work: Callable[[Transaction], Awaitable[T]]) -> T:
    """Return what `work` returns, once its transaction is committed.

    Where another transaction wrote the same, it is undone, and `work` is called again, after a pause that grows: it
    must do nothing that cannot be undone besides what it runs in the transaction. ConflictError where it never got through.
    """
    pause_s = FIRST_PAUSE_S
    for _ in range(ATTEMPTS - 1):
        try:
            async with opened(database) as together:
                return await work(together)
        except ConflictError:
            # Two that wait equally long would meet again.
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    async with opened(database) as together:
        return await work(together)
