"""How far the log is applied on the gateway, told from the verifier to whoever serves reads from there.

A few bytes of shared memory beside the log: looking costs the relay no system call, and telling costs the verifier none. The
file outlives both, and stays true: what was applied is applied.
"""

import mmap
import os
from pathlib import Path
from typing import Final

from proxy.capture.segment import FILE_MODE

FILE: Final = "applied"
_WORDS: Final = 2
_BYTES: Final = 8 * _WORDS
_POSITION: Final = 0
_DEFINITIONS: Final = 1


class Applied:
    """Both ends: the verifier tells, relay and gateway process look. Each number is one word, so none is ever seen half written."""

    def __init__(self, directory: Path) -> None:
        descriptor = os.open(directory / FILE, os.O_RDWR | os.O_CREAT, FILE_MODE)
        try:
            os.ftruncate(descriptor, _BYTES)
            self._memory = mmap.mmap(descriptor, _BYTES)
        finally:
            os.close(descriptor)
        self._words = memoryview(self._memory).cast("Q")

    @property
    def position(self) -> int:
        """Return the position below which every write of the log is on the gateway; 0 while that cannot be said."""
        return self._words[_POSITION]

    @property
    def definitions(self) -> int:
        """Return a number that changes with every definition of a collection or an index."""
        return self._words[_DEFINITIONS]

    def tell(self, position: int, definitions: int) -> None:
        """Tell how far it is; definitions first, for whoever goes by the position needs them."""
        self._words[_DEFINITIONS] = definitions
        self._words[_POSITION] = position

    def close(self) -> None:
        """Let go of the memory."""
        self._words.release()
        self._memory.close()
