"""Where the verifiers of one gateway tell each other how far they are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What one verifier tells the others. Places are those of `proxy/shadow/places.py`.

    `frontier`: all its operations up to this place were applied, and none behind it was. `passed`: up to where it may have gone without
    asking. `wanted`: what it waits for others to reach. `steps`: the clock from which on it may have a write under
    way that is made of several steps. `definitions` changes with what it defined; `disputed` are the collections whose documents
    it reads from legacy again, `doubtful` those with documents that may differ until it has compared them; `sees` names the verifiers that it waits for; `filling` are the collections that it knows to be
    filled, or in which it has not compared yet what was written meanwhile. `age_s` is since it last wrote.
    """

    log: str
    epoch: int
    cluster: str
    frontier: int
    passed: int
    wanted: int
    steps: int
    definitions: int
    disputed: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()
    sees: tuple[str, ...] = ()
    filling: tuple[str, ...] = ()
    age_s: float = 0.0

    @property
    def name(self) -> str:
        """Return what names this very process."""
        return f"{self.log}:{self.epoch}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """A document that was written by a clock; `key` None stands for any document of the collection."""

    clock: int
    namespace: str
    key: bytes | None


class Board(Protocol):
    """A board that all verifiers of a gateway read and write. Raises UnreachableError when it is away."""

    async def trade(
        self, notice: Notice, touches: Sequence[Touch], *, known: Mapping[str, int], wakes: bool
    ) -> tuple[Sequence[Notice], Mapping[str, tuple[int, Sequence[Touch]]]]:
        """Put up a notice and touches in one transaction, then return the others' notices and new touches.

        `known` tells by log up to which number touches were read; touches come with their newest number.
        `wakes` wakes the others.
        """

    async def leave(self, log: str) -> None:
        """Take a notice down: its verifier has nothing left to do."""

    async def listen(self, woken: Callable[[], None]) -> None:
        """Have `woken` called whenever another verifier asks for attention, as far as the connection lasts."""
