"""Documents that are owed a comparison, in the order of their turns, and which collections they leave in doubt."""

from collections import Counter, OrderedDict
from collections.abc import Callable, ItemsView, Iterable, ValuesView
from dataclasses import dataclass
from typing import Any

from comparators.verdict import Judgement
from proxy.ledger.entries import Writer
from proxy.shadow.causes import AFTER_A_WRITE, Cause

Told = Callable[[Any, Judgement], None]
"""Who asked for a comparison: it is given the `_id` and the verdict."""
Place = tuple[str, bytes]
"""A document: its collection and its key."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Debt:
    """A document that is owed a comparison since the write at `position`.

    `excuse` says why a difference would prove nothing, None when it would. `generated`: the last write took
    values from the server's clock. `attempts` counts comparisons that ended in a difference,
    `overtaken` those during which the document was written. `told` are those who
    asked for the comparison; `cause` is what a difference is entered with, and `writer` what wrote the document, None where that is not known.
    """

    identifier: Any
    position: int
    excuse: str | None = None
    generated: bool = False
    attempts: int = 0
    overtaken: int = 0
    told: tuple[Told, ...] = ()
    cause: Cause = AFTER_A_WRITE
    writer: Writer | None = None

    @property
    def is_doubtful(self) -> bool:
        """Whether the document may differ, as far as is known before it is compared."""
        return self.is_excused or bool(self.attempts)

    @property
    def is_excused(self) -> bool:
        """Whether the document may rightly differ."""
        return bool(self.excuse or self.generated)


class Debts:
    """Each document once; that some are doubtful is counted, for it is asked again and again."""

    def __init__(self) -> None:
        self._debts: OrderedDict[Place, Debt] = OrderedDict()
        self._doubtful: Counter[str] = Counter()
        self._excused: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._debts)

    def get(self, place: Place) -> Debt | None:
        """Return what a document is owed, None where nothing is."""
        return self._debts.get(place)

    def put(self, place: Place, debt: Debt) -> None:
        """Owe a document this; it keeps its turn."""
        before = self._debts.get(place)
        self._debts[place] = debt
        if before is not None:
            self._count(place, before, -1)
        self._count(place, debt, 1)

    def move_to_end(self, place: Place) -> None:
        """Let everything else have its turn first."""
        self._debts.move_to_end(place)

    def pop_first(self) -> tuple[Place, Debt]:
        """Take whose turn it is."""
        place, debt = self._debts.popitem(last=False)
        self._count(place, debt, -1)
        return place, debt

    def clear(self) -> None:
        """Owe nothing any more."""
        self._debts.clear()
        self._doubtful.clear()
        self._excused.clear()

    def items(self) -> ItemsView[Place, Debt]:
        """Return all, in their order."""
        return self._debts.items()

    def values(self) -> ValuesView[Debt]:
        """Return what is owed, in its order."""
        return self._debts.values()

    def doubtful(self) -> Iterable[str]:
        """Return the collections of documents that may differ."""
        return self._doubtful.keys()

    def excused(self) -> Iterable[str]:
        """Return the collections of documents that may rightly differ."""
        return self._excused.keys()

    def _count(self, place: Place, debt: Debt, n: int) -> None:
        if debt.is_doubtful:
            _add(self._doubtful, place[0], n)
        if debt.is_excused:
            _add(self._excused, place[0], n)


def _add(counter: Counter[str], namespace: str, n: int) -> None:
    counter[namespace] += n
    if not counter[namespace]:
        del counter[namespace]
