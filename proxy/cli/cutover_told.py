"""What there is to say of a cut-over: which side has the last word, and what the other one lacks."""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.capture.authority import read_authority
from proxy.cli.relay_status import read_status
from proxy.settings import Settings


def cutover_lines(counts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Tell of the cut-over by what the relay counts, where there is one, or should be."""
    mirror = counts.get("mirror") or {}
    if counts.get("side") == "gateway":
        yield "cut-over", "PostgreSQL answers everything"
        if not mirror.get("is_on", True):
            yield "mirror", "off: MongoDB lacks what was written since"
        elif mirror:
            n = mirror["notes"]
            lacks = f"{n:,} write{'' if n == 1 else 's'}"
            yield "mirror", f"MongoDB lacks {lacks}, the oldest for {mirror['oldest_s']:.1f} s"
    if counts.get("crossing"):
        yield "cut-over", f"the relay has not followed the flags: {counts['crossing']}"


def cutover_told(settings: Settings) -> tuple[str, ...]:
    """Return what a report says of the cut-over, as it is now; nothing without one. CorruptionError where nobody can tell."""
    relay = read_status(settings.data_directory)
    if relay is not None and relay.is_alive:
        return tuple(f"{name.capitalize()}: {line}." for name, line in cutover_lines(relay.counts))
    if read_authority(settings.capture_directory).is_gateway:
        return (
            "Cut-over: PostgreSQL has the last word; the relay is silent, so that nobody knows what MongoDB lacks.",
        )
    return ()
