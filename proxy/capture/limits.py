"""How large the capture log may become, and what goes first when it is too large."""

from dataclasses import dataclass
from typing import Final

from comparators.errors import SettingsError

MIB: Final = 1024 * 1024
SOFT_SHARE: Final = 0.8
RESUME_SHARE: Final = 0.7
"""Reads are captured again below this share: a log that hovers at the soft limit does not flap."""
RESERVE_SHARE: Final = 1 / 64
MAX_RESERVE_BYTES: Final = MIB
MIN_SEGMENTS: Final = 4
KEPT_SHARE: Final = 1 / 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureLimits:
    """Bytes on disk and in memory that the log may take."""

    segment_bytes: int = 64 * MIB
    max_bytes: int = 4096 * MIB
    kept_bytes: int = 8 * MIB
    """Memory for writes that wait for room on the disk."""
    segment_age_s: float = 900
    """A segment with records in it is closed after this time, so that what is verified can be removed."""

    def __post_init__(self) -> None:
        if self.segment_bytes < 1 or self.max_bytes < MIN_SEGMENTS * self.segment_bytes:
            # Only whole segments are removed and never the newest: with fewer, the log could stay full for ever.
            raise SettingsError(
                f"max_bytes {self.max_bytes} holds fewer than {MIN_SEGMENTS} segments "
                f"of {self.segment_bytes} bytes",
                where="[capture] max_bytes",
                remedy="raise max_bytes or lower segment_bytes",
            )

    @property
    def soft_bytes(self) -> int:
        """Above this, reads are dropped."""
        return int(self.max_bytes * SOFT_SHARE)

    @property
    def resume_bytes(self) -> int:
        """Below this, reads are captured again."""
        return int(self.max_bytes * RESUME_SHARE)

    @property
    def hard_bytes(self) -> int:
        """Above this, writes are lost too; what is left up to `max_bytes` is for GAP records."""
        return self.max_bytes - min(MAX_RESERVE_BYTES, int(self.max_bytes * RESERVE_SHARE))

    @property
    def bounded_kept_bytes(self) -> int:
        """`kept_bytes`, but never more than a log emptied by retention has room for."""
        return min(self.kept_bytes, int(self.max_bytes * KEPT_SHARE))
