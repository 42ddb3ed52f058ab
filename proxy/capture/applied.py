"""How far the log is applied on the gateway, told from the verifier to whoever serves reads from there.

Some bytes of shared memory beside the log: looking costs the relay no system call, and telling costs the verifier none. The
file outlives both, and stays true: what was applied is applied.

How far the log was read is one number. Each collection has another one, below which its own writes are applied: what is slow in one
keeps back nothing else. There is room for so many; collections that share a place are kept back together.
"""

import json
import mmap
import os
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final
from zlib import crc32

from proxy.capture.segment import FILE_MODE

FILE: Final = "applied"
LACKING_FILE: Final = "lacking"
PLACES: Final = 1024
ANYTHING: Final = ""
"""In place of a collection, of what may concern any."""
_READ: Final = 0
_DEFINITIONS: Final = 1
_LACKING: Final = 2
_ANYTHING: Final = 3
_FIRST: Final = 4
_BYTES: Final = 8 * (_FIRST + PLACES)
ALL: Final = (1 << 64) - 1
"""Of a collection of which nothing that was read is missing."""
_MOST_PLACES: Final = 10_000
"""Names whose places one end remembers."""


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
        self._places: dict[str, int] = {}
        self._told: dict[int, int] = {}
        """What was told of other places than `ALL`."""

    def position(self, namespace: str) -> int:
        """Return the position below which every write of a collection is on the gateway; 0 while that cannot be said."""
        words = self._words
        place = self._places.get(namespace)
        if place is None:
            if len(self._places) >= _MOST_PLACES:
                self._places.clear()
            place = self._places[namespace] = _place_of(namespace)
        # First how far it was read: of what lies behind, the others were not told yet.
        read = words[_READ]
        return min(read, words[_ANYTHING], words[place])

    @property
    def of_all(self) -> int:
        """Return the position below which every write of every collection is on the gateway."""
        words = self._words
        read = words[_READ]
        return min(read, words[_ANYTHING], *words[_FIRST : _FIRST + PLACES])

    @property
    def definitions(self) -> int:
        """Return a number that changes with every definition of a collection or an index."""
        return self._words[_DEFINITIONS]

    def lacks(self, namespace: str) -> bool:
        """Return whether the gateway may lack documents of a collection that were there before the log."""
        return not self._is_read() or namespace in self._lacking

    @property
    def lacks_any(self) -> bool:
        """Return whether it may lack documents of any collection."""
        return not self._is_read() or bool(self._lacking)

    def _is_read(self) -> bool:
        """Read what is told, if that is new; False where somebody has taken the file away, until the next one."""
        told = self._words[_LACKING]
        if told != self._lacking_read:
            try:
                found = json.loads(self._lacking_file.read_text(encoding="utf-8"))
                self._lacking = frozenset(map(str, found))
            except (OSError, ValueError, TypeError):
                return False
            self._lacking_read = told
        return True

    def tell_lacking(self, namespaces: Collection[str]) -> None:
        """Tell which collections are not filled. Raises OSError."""
        half = self._lacking_file.with_name(f"{LACKING_FILE}.new")
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(sorted(namespaces), file)
        half.replace(self._lacking_file)
        self._words[_LACKING] = time.time_ns()

    def tell_nothing(self) -> None:
        """Tell that nothing can be said."""
        self._words[_READ] = 0

    def tell(self, read: int, oldest: Iterable[tuple[str, int]], doubtful: Iterable[str]) -> None:
        """Tell how far the log was read, and the `oldest` write of each collection that is not applied.

        Collections that are `doubtful` get no further than they are. `ANYTHING` stands for all of them.
        """
        words = self._words
        told: dict[int, int] = {}
        for namespace, position in oldest:
            place = _place_of(namespace)
            told[place] = min(position, told.get(place, ALL))
        before = words[_READ]
        for place in map(_place_of, doubtful):
            told[place] = min(before, self._told.get(place, ALL), told.get(place, ALL))
        for place, position in told.items():
            words[place] = position
        for place in self._told.keys() - told.keys():
            words[place] = ALL
        self._told = told
        # Last: whoever sees it finds everything else told that lies below.
        words[_READ] = read

    def begin(self, definitions: int) -> None:
        """Tell nothing yet, and forget what another one has told."""
        self.tell_nothing()
        self._words[_DEFINITIONS] = definitions
        for place in range(_ANYTHING, _FIRST + PLACES):
            self._words[place] = ALL
        self._told = {}

    def tell_definitions(self, definitions: int) -> None:
        """Tell that definitions have changed; before the positions of what needs them."""
        self._words[_DEFINITIONS] = definitions

    def close(self) -> None:
        """Let go of the memory."""
        self._words.release()
        self._memory.close()


def _place_of(namespace: str) -> int:
    """Return the word of a collection, the same one in each process."""
    return _FIRST + crc32(namespace.encode()) % PLACES if namespace != ANYTHING else _ANYTHING
