"""Updates of one document by one statement that does not read it first.

Where the statement changes no row (there is none, or its document is not as the statement expects), nothing is known, and
the general way goes on.
"""

from collections.abc import Mapping
from typing import Any

from adapters.gateway import Mark
from adapters.operations.modifying import Modification
from adapters.operations.narrowing import identities_of
from adapters.operations.storage import Found
from adapters.postgresql import marks
from adapters.postgresql.session import PostgresSession
from adapters.postgresql.storage import Alteration
from comparators.outcome import Acknowledgement, Answered, Outcome


async def alter(
    session: PostgresSession,
    modification: Modification,
    query: Mapping[str, Any],
    mark: Mark | None,
) -> Outcome | None:
    """Change a document and mark it; None where the general way must go on."""
    identities = identities_of(query)
    if identities is None or len(identities) != 1:
        return None
    alteration = _alteration(session, modification, marked=mark is not None, shown=False)
    if alteration is None:
        return None
    outcome = Outcome(
        result=Acknowledgement(n=1, modified=1), duration_s=0.0, touched=tuple(identities)
    )
    values = dict(alteration.values)
    if mark is not None:
        values |= marks.values_of(mark, outcome)
    arguments = alteration.statement.arguments(values)
    rows = await session.rows(alteration.statement.text, arguments)
    if not rows:
        return None
    session.ways.append(Answered.PUSHED_DOWN)
    return outcome


async def altered(session: PostgresSession, modification: Modification) -> Found | None:
    """Change a document and return it; None where the general way must go on."""
    alteration = _alteration(session, modification, marked=False, shown=True)
    if alteration is None:
        return None
    arguments = alteration.statement.arguments(alteration.values)
    rows = await session.rows(alteration.statement.text, arguments)
    if not rows:
        return None
    session.ways.append(Answered.PUSHED_DOWN)
    storage = session.storage
    await session.learn(storage, rows)
    return storage.found(rows[0])


def _alteration(
    session: PostgresSession, modification: Modification, *, marked: bool, shown: bool
) -> Alteration | None:
    # A validator looks at whole documents; under a collation SQL has left out what strings decide.
    if session.validates or not modification.query.exact:
        return None
    # Columns that hold an array go on holding one: only what is unique can refuse.
    guarded = frozenset((name,) for index in session.unique for name in index.fields)
    return session.storage.alter(
        modification.query.selection,
        modification.tree,
        now_ms=session.generated.now_ms,
        guarded=guarded,
        marked=marked,
        shown=shown,
    )
