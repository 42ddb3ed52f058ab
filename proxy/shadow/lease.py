"""How long the others surely wait for a verifier: its last notice is younger than what they call silent.

One that stood still itself, or whose trades took too long, cannot know whether the others have gone on without it. What it
may do after such a while, and what it did, is judged with that in mind.
"""

import time
from collections.abc import Callable
from typing import Final

_FOREVER: Final = float("inf")


class Lease:
    """Begins with each notice that reached the board, counted from before it was sent."""

    def __init__(self, lasts_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._lasts_s = lasts_s
        self._now_s = now_s
        self._until_s = _FOREVER

    def begin(self) -> float:
        """Return the moment from which a notice counts that is put up now."""
        return self._now_s()

    def renew(self, begun_s: float) -> None:
        """Count from a moment: the notice of then is on the board."""
        self._until_s = begun_s + self._lasts_s

    @property
    def is_over(self) -> bool:
        """Return whether others may wait no more. Never before the first notice."""
        return self._now_s() >= self._until_s
