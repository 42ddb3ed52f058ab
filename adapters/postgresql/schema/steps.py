"""What `parallax schema` would do, as values: first shown, then done."""

from dataclasses import dataclass
from enum import StrEnum


class StepKind(StrEnum):
    """How a step is done while others use the database."""

    TOGETHER = "in one transaction"
    ALONE = "by itself"
    """Statements that no transaction takes, as `CREATE INDEX CONCURRENTLY`, or that wait for rows to be read."""
    ANEW = "copied to a new table"
    """The rows are written anew beside the table, which is swapped at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. `destructive` tells that SQL would read less than before."""

    database: str
    collection: str
    what: str
    kind: StepKind
    statements: tuple[str, ...] = ()
    destructive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaPlan:
    """The steps, and what differs without any step to be taken for it."""

    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    stale: tuple[tuple[str, str], ...] = ()
    """Collections of which the catalog has another map than the profile, even if nothing else differs."""

    @property
    def is_empty(self) -> bool:
        """Whether the database is as the maps want it."""
        return not self.steps and not self.stale
