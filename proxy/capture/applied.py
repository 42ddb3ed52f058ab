"""How far the log is applied on the gateway, told from the verifier to whoever serves reads from there.

A few bytes of shared memory beside the log: looking costs the relay no system call, and telling costs the verifier none. The
file outlives both, and stays true: what was applied is applied.
"""

import json
import mmap
import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

from proxy.capture.segment import FILE_MODE

FILE: Final = "applied"
LACKING_FILE: Final = "lacking"
_WORDS: Final = 3
_BYTES: Final = 8 * _WORDS
_POSITION: Final = 0
_DEFINITIONS: Final = 1
_LACKING: Final = 2


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
        self._lacking_file = directory / LACKING_FILE
        self._lacking: frozenset[str] = frozenset()
        self._lacking_read = 0

    @property
    def position(self) -> int:
        """Return the position below which every write of the log is on the gateway; 0 while that cannot be said."""
        return self._words[_POSITION]

    @property
    def definitions(self) -> int:
        """Return a number that changes with every definition of a collection or an index."""
        return self._words[_DEFINITIONS]

    def lacks(self, namespace: str) -> bool:
        """Return whether the gateway may lack documents of a collection that were there before the log."""
        told = self._words[_LACKING]
        if told != self._lacking_read:
            try:
                found = json.loads(self._lacking_file.read_text(encoding="utf-8"))
                self._lacking = frozenset(map(str, found))
            except (OSError, ValueError, TypeError):
                # Somebody has taken the file away; until the next one anything may be lacking.
                return True
            self._lacking_read = told
        return namespace in self._lacking

    def tell_lacking(self, namespaces: Collection[str]) -> None:
        """Tell which collections are not filled. Raises OSError."""
        half = self._lacking_file.with_name(f"{LACKING_FILE}.new")
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(sorted(namespaces), file)
        half.replace(self._lacking_file)
        self._words[_LACKING] = time.time_ns()

    def tell(self, position: int, definitions: int) -> None:
        """Tell how far it is; definitions first, for whoever goes by the position needs them."""
        self._words[_DEFINITIONS] = definitions
        self._words[_POSITION] = position

    def close(self) -> None:
        """Let go of the memory."""
        self._words.release()
        self._memory.close()
