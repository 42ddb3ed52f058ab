"""Every error Parallax foresees, and whose turn it is to act.

ParallaxError(what, *, where, remedy)
├─ SettingsError      you    change the setting, rule, flag or map that `where` names
├─ RefusedError       you    meet the condition named, or repeat with --force
├─ CapacityError      you    make room: disk, memory, connections
├─ CorruptionError    you    look at the position named; the record was skipped and counted
├─ UnreachableError   wait   Parallax retries with backoff; `where` is the peer
├─ UnsupportedError   us     an operator or option, named exactly; becomes the verdict `unsupported`
│  └─ UnknowableError nobody no two servers answer it alike; becomes the verdict `not_comparable`
└─ WireError          peer   broke the protocol; its one connection is closed

Any other exception is a bug. Exit codes are those of sysexits(3).
"""

from functools import partial
from typing import Any, ClassVar


class ParallaxError(Exception):
    """State what happened, where, and what the reader can do about it."""

    exit_code: ClassVar[int] = 70

    def __init__(self, what: str, *, where: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors of chunk tasks come from other processes.
        made = partial(type(self), where=self.where, remedy=self.remedy)
        return made, (self.what,), self.__dict__

    def __str__(self) -> str:
        return f"{self.what} (at {self.where}; {self.remedy})"


class SettingsError(ParallaxError):
    """A setting, rule, flag or map is wrong."""

    exit_code = 78


class RefusedError(ParallaxError):
    """A condition of safety is not met."""

    exit_code = 77


class CapacityError(ParallaxError):
    """Disk, memory or connections have run out."""

    exit_code = 75


class CorruptionError(ParallaxError):
    """A record cannot be read back as it was written."""

    exit_code = 65


class UnreachableError(ParallaxError):
    """A peer does not answer; it may again."""

    exit_code = 69


class UnsupportedError(ParallaxError):
    """The gateway path has no exact counterpart for an operator or option."""

    exit_code = 69


class UnknowableError(UnsupportedError):
    """No other server could give the same answer: it is drawn at random, or tells of the server itself."""


class WireError(ParallaxError):
    """A peer broke the MongoDB wire protocol."""

    exit_code = 76
