"""How far back the page looks."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Last:
    """A span of time up to now; since the beginning where `seconds` is None."""

    name: str
    label: str
    seconds: int | None

    def since_ns(self, now_ns: int) -> int | None:
        """Return where the window begins."""
        return None if self.seconds is None else now_ns - self.seconds * 1_000_000_000


WINDOWS: Final[Mapping[str, Last]] = MappingProxyType(
    {
        each.name: each
        for each in (
            Last(name="5m", label="5 minutes", seconds=5 * _MINUTE_S),
            Last(name="15m", label="15 minutes", seconds=15 * _MINUTE_S),
            Last(name="1h", label="hour", seconds=_HOUR_S),
            Last(name="24h", label="day", seconds=24 * _HOUR_S),
            Last(name="all", label="all time", seconds=None),
        )
    }
)
DEFAULT: Final = "15m"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a page shows: how far back, and which collection; all of them where there is no name.

    Or one group of mismatches, by its id.
    """

    last: Last
    namespace: str = ""
    group: str = ""

    @property
    def path(self) -> str:
        """Return where the page is, without its window."""
        if self.group:
            return f"/mismatches/{self.group}"
        return f"/collections/{quote(self.namespace, safe='')}" if self.namespace else "/"

    @property
    def events(self) -> str:
        """Return where the page is kept current from."""
        about = f"collection={quote(self.namespace, safe='')}&group={self.group}"
        return f"/events?last={self.last.name}&{about}"
