"""A figure, the aim beside it, and how far it is from it."""

from dataclasses import dataclass, field
from typing import Any

from benchmarks.table import number


class NotMeasuredError(Exception):
    """A part could not be measured; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A bound, which a figure may touch: the least value (`at_least`), or else the greatest."""

    bound: float
    at_least: bool

    @property
    def text(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"

    def is_met_by(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One result. Without an aim it is there to be read, and nothing hangs on it."""

    name: str
    value: float
    unit: str = ""
    aim: Aim | None = None

    @property
    def shown(self) -> str:
        return f"{number(self.value)} {self.unit}".rstrip()

    @property
    def standing(self) -> str:
        """Return how far the value is from its aim, in percent of the aim."""
        if self.aim is None:
            return ""
        if not self.aim.bound:
            return "met" if self.aim.is_met_by(self.value) else "missed"
        apart = abs(self.value - self.aim.bound) / abs(self.aim.bound)
        # Beyond twice the aim a percentage says less than a multiple.
        far = f"{apart:.0%}" if apart < 2 else f"{apart:.0f} times the aim"
        return f"met, {far} to spare" if self.aim.is_met_by(self.value) else f"missed by {far}"

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "aim": None if self.aim is None else self.aim.text,
            "met": None if self.aim is None else self.aim.is_met_by(self.value),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one benchmark found: its figures, more to read (`text`), and everything for the JSON (`detail`)."""

    figures: tuple[Figure, ...]
    text: str = ""
    detail: Any = field(default=None)


def at_least(bound: float) -> Aim:
    return Aim(bound=bound, at_least=True)


def at_most(bound: float) -> Aim:
    return Aim(bound=bound, at_least=False)
