"""Whether other sidecars know of this log: a file beside it, from the verifier to its relay.

It is there as long as the verifier's notice is on the board where the sidecars of a gateway meet, also after `kill -9` of both.
"""

from pathlib import Path
from typing import Final

from proxy.capture.segment import FILE_MODE

FILE: Final = "announced"


class Announcement:
    """Both ends: the verifier puts it and takes it back, the relay looks."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / FILE

    @property
    def is_put(self) -> bool:
        """Whether the other sidecars know of the log, or there can be none."""
        return self._file.exists()

    def put(self) -> None:
        """Say that they do."""
        self._file.touch(FILE_MODE)

    def take_back(self) -> None:
        """Say that they do so no more."""
        self._file.unlink(missing_ok=True)
