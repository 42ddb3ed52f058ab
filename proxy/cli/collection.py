"""How often a long-lived process looks for cycles of garbage.

Reference counts free nearly everything here at once. What start-up has made (modules, classes, tables) lives as long as the
process: to walk over it again and again was a fifth of the verifier's work, and a pause of the relay each time.
Source: Python documentation, `gc.freeze`.
"""

import gc
from typing import Final

_THRESHOLDS: Final = (10_000, 20, 20)
"""Allocations before the youngest objects are looked at, and how many such rounds before the older ones are."""


def postpone_garbage_collection() -> None:
    """Collect nothing while modules are loaded: what they make stays, and to find that again and again took a fifth of the time."""
    gc.disable()


def resume_garbage_collection() -> None:
    """Collect again, if that was postponed; what was loaded meanwhile is left out."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def settle_garbage_collection() -> None:
    """Leave everything made so far out of all future collections, and collect less often.

    Without a collection before it: that took a verifier 0.15 s, and freed a thousand objects of 300,000.
    """
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
