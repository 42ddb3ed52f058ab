"""Why the gateway path has no outcome for an exchange."""

from dataclasses import dataclass
from typing import Final

from comparators.errors import UnknowableError, UnsupportedError
from comparators.verdict import Verdict

UNKNOWABLE: Final = "is random, or tells of the server itself"
"""The reason of `not_comparable`, behind a name."""
_OF_THE_SERVER: Final = frozenset({"explain"})
"""Commands whose answer is about a server, and not about its data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The gateway path has no outcome; `verdict` says why."""

    verdict: Verdict
    reason: str


def refusal_of(error: UnsupportedError) -> Failed:
    """Return what becomes of an operation that the gateway path does not answer."""
    if isinstance(error, UnknowableError):
        return Failed(verdict=Verdict.NOT_COMPARABLE, reason=f"{error.what} {UNKNOWABLE}")
    return Failed(verdict=Verdict.UNSUPPORTED, reason=error.what)


def refusal_of_command(name: str) -> Failed:
    """Return what becomes of a command without a counterpart."""
    if name in _OF_THE_SERVER:
        return Failed(verdict=Verdict.NOT_COMPARABLE, reason=f"command {name} {UNKNOWABLE}")
    return Failed(verdict=Verdict.UNSUPPORTED, reason=f"command {name}")
