"""What the writer of the capture log does with what it is given, and what may follow what."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class CaptureState(StrEnum):
    """From everything is written down to nothing is."""

    WRITING = "writing"
    SHEDDING = "shedding"
    """Above the soft limit: reads are dropped."""
    FULL = "full"
    """At the hard limit: writes are lost, too; only GAP records still have room."""
    FAILING = "failing"
    """There is no segment that takes bytes."""
    CLOSED = "closed"


MAY_FOLLOW: Final[Mapping[CaptureState, frozenset[CaptureState]]] = MappingProxyType(
    {
        CaptureState.WRITING: frozenset(
            {
                CaptureState.SHEDDING,
                CaptureState.FULL,
                CaptureState.FAILING,
                CaptureState.CLOSED,
            }
        ),
        CaptureState.SHEDDING: frozenset(
            {
                CaptureState.WRITING,
                CaptureState.FULL,
                CaptureState.FAILING,
                CaptureState.CLOSED,
            }
        ),
        CaptureState.FULL: frozenset(
            {
                CaptureState.WRITING,
                CaptureState.SHEDDING,
                CaptureState.FAILING,
                CaptureState.CLOSED,
            }
        ),
        CaptureState.FAILING: frozenset(
            {
                CaptureState.WRITING,
                CaptureState.SHEDDING,
                CaptureState.FULL,
                CaptureState.CLOSED,
            }
        ),
        CaptureState.CLOSED: frozenset(),
    }
)
