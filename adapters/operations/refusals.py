"""What stops an operation: MongoDB's own refusals, and what others did to the same documents meanwhile."""

from adapters.query.failures import CommandFailure
from comparators.outcome import Failure


class TakenError(Exception):
    """A key that a write gives is that of another document: the statement changed nothing."""


class RacedError(Exception):
    """Others write the same documents; the operation may be tried again."""


def failure_of(failure: CommandFailure) -> Failure:
    """Return a refusal as MongoDB would answer it."""
    return Failure(
        code=failure.code,
        code_name=failure.code_name,
        key_pattern=failure.key_pattern,
        key_value=failure.key_value,
        message=failure.message,
    )
