"""The relay's own counts as a small file beside the ledger: the relay itself writes no ledger."""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    # Who reads the counts needs nothing of the relay.
    from proxy.wire.counters import RelaySnapshot

FILE: Final = "relay.json"
STALE_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayStatus:
    """What the relay wrote last; `age_s` says how long ago."""

    age_s: float
    pid: int
    counts: dict[str, Any]

    @property
    def is_alive(self) -> bool:
        """Return whether the relay wrote lately."""
        return self.age_s < STALE_S


def write_status(directory: Path, snapshot: "RelaySnapshot", capture: dict[str, Any]) -> None:
    """Replace the file at once, so that nobody reads half of it. Raises OSError."""
    content = {
        "at_ns": time.time_ns(),
        "pid": os.getpid(),
        "relay": asdict(snapshot),
        "capture": capture,
    }
    half = directory / f"{FILE}.new"
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
    half.replace(directory / FILE)


def read_status(directory: Path) -> RelayStatus | None:
    """Return what a relay wrote last, None where none ever did, or another version."""
    try:
        content = json.loads((directory / FILE).read_text(encoding="utf-8"))
        age_s = (time.time_ns() - int(content["at_ns"])) / 1e9
        counts = {**content["relay"], "capture": content["capture"]}
        return RelayStatus(age_s=age_s, pid=int(content["pid"]), counts=counts)
    except (OSError, ValueError, KeyError, TypeError):
        # Not there, not ours, or of another version.
        return None
