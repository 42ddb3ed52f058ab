"""How often a long-lived process looks for cycles of garbage.

Reference counts free nearly everything here at once. What start-up has made (modules, classes, tables) lives as long as the
process: to walk over it again and again was a fifth of the verifier's work, and a pause of the relay each time.
Source: Python documentation, `gc.freeze`.
"""

import gc
from typing import Final

_THRESHOLDS: Final = (10_000, 20, 20)
"""Allocations before the youngest objects are looked at, and how many such rounds before the older ones are."""


def settle_garbage_collection() -> None:
    """Leave everything made so far out of all future collections, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
