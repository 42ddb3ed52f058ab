"""How fast people go on: slower while whoever follows them falls behind."""

from typing import Final

_LONGEST_PAUSE_S: Final = 2.0
_STEP: Final = 1.25


class Pace:
    """`pause_s` is how long a person thinks between two steps, on average."""

    def __init__(self, pause_s: float = 0.0) -> None:
        self.pause_s = pause_s
        self._shortest_s = pause_s

    def follow(self, lag: int, *, most: int) -> None:
        """Go slower above the lag that is wanted at most, faster well below it."""
        if lag > most:
            self.pause_s = min(max(self.pause_s, 0.01) * _STEP, _LONGEST_PAUSE_S)
        elif lag < most // 2:
            self.pause_s = max(self.pause_s / _STEP, self._shortest_s)
