"""The plans of PostgreSQL for statements that took long, without any value in them.

A generic plan is made for the statement with its parameters open: it shows indexes and joins, and can be kept as
evidence. Source: PostgreSQL manual, "PREPARE", section "Notes", and "plan_cache_mode".
"""

import time
from collections.abc import Iterable
from typing import Final

import asyncpg

from adapters.postgresql.connections import Connection

EVERY_S: Final = 600.0
"""A statement that stays slow is explained this often at most."""

MOST_REMEMBERED: Final = 10_000
PREPARE: Final = "PREPARE parallax_explained AS "
DEALLOCATE: Final = "DEALLOCATE parallax_explained"
GENERIC: Final = "SET LOCAL plan_cache_mode = force_generic_plan"
EXPLAIN: Final = "EXPLAIN EXECUTE parallax_explained"
PARAMETERS: Final = "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'parallax_explained'"


class Explanations:
    """Explain statements, each now and then."""

    def __init__(self) -> None:
        self._explained: dict[str, float] = {}

    async def of(self, connection: Connection, statements: Iterable[str]) -> str | None:
        """Return statements and their plans as text; None where all were explained lately."""
        now = time.monotonic()
        wanted = [text for text in dict.fromkeys(statements) if self._is_due(text, now)]
        parts = [f"{text}\n\n{await _plan_of(connection, text)}" for text in wanted]
        return "\n\n".join(parts) or None

    def _is_due(self, text: str, now: float) -> bool:
        if now - self._explained.get(text, -EVERY_S) < EVERY_S:
            return False
        if len(self._explained) >= MOST_REMEMBERED:
            self._explained.clear()
        self._explained[text] = now
        return True


async def _plan_of(connection: Connection, text: str) -> str:
    try:
        await connection.execute(PREPARE + text)
    except asyncpg.PostgresError as error:
        return _no_plan(error)
    try:
        async with connection.transaction():
            await connection.execute(GENERIC)
            parameters = await connection.fetchval(PARAMETERS)
            values = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
            rows = await connection.fetch(EXPLAIN + values)
    except asyncpg.PostgresError as error:
        return _no_plan(error)
    finally:
        await connection.execute(DEALLOCATE)
    return "\n".join(row[0] for row in rows)


def _no_plan(error: asyncpg.PostgresError) -> str:
    # The answer of the operation is there: a plan that cannot be had must not cost it.
    return f"no plan: SQLSTATE {error.sqlstate}"
