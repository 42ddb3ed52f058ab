"""When an exchange came by the stations of the verifier, for the spans of its trace."""

from dataclasses import dataclass

from comparators.shape import Shape


@dataclass(slots=True, kw_only=True)
class Passage:
    """Nanoseconds since 1970; 0 for a station that it has not come by."""

    began_ns: int = 0
    """The gateway was asked."""
    ended_ns: int = 0
    """The gateway had answered, or was given up."""
    compared_ns: int = 0
    """The comparison began."""
    doubted_ns: int = 0
    """The recheck began."""
    shape: Shape | None = None
    """Worked out once, by whoever asks first; None until then."""
