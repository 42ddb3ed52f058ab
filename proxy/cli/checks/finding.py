"""What a check of the doctor finds."""

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How good a finding is; `bad` ones keep Parallax from working."""

    GOOD = "ok"
    DOUBTFUL = "warning"
    BAD = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One line of the doctor's table: what was looked at, what was found, and what to do about it."""

    subject: str
    health: Health
    found: str
    remedy: str = ""


def good(subject: str, found: str) -> Checked:
    """Return a finding that needs no action."""
    return Checked(subject=subject, health=Health.GOOD, found=found)


def doubtful(subject: str, found: str, remedy: str) -> Checked:
    """Return a finding that will limit what can be verified."""
    return Checked(subject=subject, health=Health.DOUBTFUL, found=found, remedy=remedy)


def bad(subject: str, found: str, remedy: str) -> Checked:
    """Return a finding that keeps Parallax from working."""
    return Checked(subject=subject, health=Health.BAD, found=found, remedy=remedy)
