"""What the statements of an `update` have done so far."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from adapters.operations.documents import Change
from adapters.query.failures import CommandFailure
from comparators.outcome import Acknowledgement, Outcome, WriteError


@dataclass(slots=True, kw_only=True)
class Tally:
    """The counts, errors and `_id`s of a command that is under way."""

    n: int = 0
    modified: int = 0
    upserted: list[tuple[int, Any]] = field(default_factory=list)
    errors: list[WriteError] = field(default_factory=list)
    touched: list[Any] = field(default_factory=list)

    def outcome(self) -> Outcome:
        """Return the outcome; its duration is the caller's to fill in."""
        return Outcome(
            result=Acknowledgement(
                n=self.n,
                modified=self.modified,
                upserted=tuple(self.upserted),
                errors=tuple(self.errors),
            ),
            duration_s=0.0,
            touched=tuple(self.touched),
        )

    def count(self, n: int, changes: Iterable[Change | None]) -> None:
        """Count documents that were found, and the changes of those that were changed."""
        written = [change for change in changes if change is not None]
        self.n += n
        self.modified += len(written)
        self.touched += [change.identifier for change in written]

    def count_upserted(self, at: int, change: Change) -> None:
        """Count the document that the statement `at` has inserted."""
        self.n += 1
        self.upserted.append((at, change.identifier))
        self.touched.append(change.identifier)

    def count_refused(self, at: int, failure: CommandFailure) -> None:
        """Enter why the statement `at` was refused."""
        self.errors.append(
            WriteError(
                index=at,
                code=failure.code,
                key_pattern=failure.key_pattern,
                key_value=failure.key_value,
                message=failure.message,
            )
        )

    def add(self, later: "Tally") -> None:
        """Count what statements behind these have done."""
        self.n += later.n
        self.modified += later.modified
        self.upserted += later.upserted
        self.errors += later.errors
        self.touched += later.touched
