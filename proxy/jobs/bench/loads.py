"""How hard a benchmark presses: at a set rate, or by so many who ask again as soon as they are answered. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """`per_s` operations a second whatever becomes of them, over at most `connections` at once; None: as fast as answers come."""

    connections: int
    per_s: float | None = None

    @property
    def name(self) -> str:
        """Return the load as it is shown, and found again in another run."""
        if self.per_s is None:
            return f"{self.connections} at once"
        return f"{self.per_s:g}/s over {self.connections}"

    def due_s(self, number: int) -> float | None:
        """Return when operation `number` is due, counted from the beginning; None: when somebody is free."""
        return None if self.per_s is None else number / self.per_s
