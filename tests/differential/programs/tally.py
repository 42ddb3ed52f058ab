"""What a run of programs has met: cases by their end."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class End(StrEnum):
    """How a case ended on both sides."""

    EQUAL = "equal"
    REFUSED_ALIKE = "refused alike"
    NOT_COMPARABLE = "not comparable"
    """Nobody promises the order in which they differ."""
    UNSUPPORTED = "unsupported"
    KNOWN = "known difference"
    DIFFERENT = "different"


@dataclass(slots=True)
class Tally:
    """Counts that grow while programs run."""

    ends: Counter[End] = field(default_factory=Counter)
    unsupported: Counter[str] = field(default_factory=Counter)
    """By what the gateway names."""
    known: Counter[int] = field(default_factory=Counter)
    """By number of docs/known-differences.md."""
    refused: Counter[int] = field(default_factory=Counter)
    """By code of the server."""

    @property
    def cases(self) -> int:
        """The operations that ran on both sides."""
        return self.ends.total()

    @property
    def compared(self) -> int:
        """The cases in which the gateway gave an answer to compare."""
        return self.cases - self.ends[End.UNSUPPORTED]

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            ends=self.ends + other.ends,
            unsupported=self.unsupported + other.unsupported,
            known=self.known + other.known,
            refused=self.refused + other.refused,
        )

    def lines(self) -> list[str]:
        """Return the totals as lines of text."""
        table = [f"{'cases':<18}{self.cases:>8,}"]
        table += [f"{end:<18}{self.ends[end]:>8,}" for end in End]
        named = [f"{name} ({n:,})" for name, n in self.unsupported.most_common()]
        known = [f"{number} ({n:,})" for number, n in sorted(self.known.items())]
        codes = [f"{code} ({n:,})" for code, n in self.refused.most_common()]
        table += [f"unsupported: {', '.join(named)}"] if named else []
        table += [f"known differences: {', '.join(known)}"] if known else []
        table += [f"codes: {', '.join(codes)}"] if codes else []
        return table
