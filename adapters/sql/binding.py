"""How the parameters of a statement are made from the values of an operation, learnt from probes.

An operation is planned twice with values that occur nowhere else. What is the same in both plans is constant; what is
not must be made from one of the values in a way that is known here, or there is no binding.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from bson.objectid import ObjectId

from adapters.sql.keys import key_of, next_key_of

Maker = Callable[[Any], Any]


class UnfitError(Exception):
    """A value of which a parameter cannot be made: the operation is planned for itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One parameter: made from the value `at` a slot; the value itself without `make`.

    Without a slot it is constant, or made of nothing each time.
    """

    at: int | None
    make: Maker | None = None
    constant: Any = None

    def value(self, values: Sequence[Any]) -> Any:
        """Return the parameter."""
        given = self.constant if self.at is None else values[self.at]
        return given if self.make is None else self.make(given)


Binding = tuple[Step, ...]
"""By the order of the parameters."""

Planned = tuple[Sequence[Any], Mapping[str, Any]]
"""The values of an operation, and the parameters of its statement by name."""


def bound(binding: Binding, values: Sequence[Any]) -> list[Any]:
    """Return the parameters in their order; UnfitError where a value is none for this plan."""
    return [step.value(values) for step in binding]


def binding_of(
    names: Sequence[str],
    first: Planned,
    second: Planned,
    *,
    made: Mapping[str, Maker],
    afresh: Mapping[str, Callable[[], Any]],
    placed: Mapping[str, int],
) -> Binding | None:
    """Return how parameters are made, None where that does not show.

    `made` says of some how they are made of a value; those `afresh` are made of none, and those `placed` are values
    that no plan has seen.
    """
    steps: list[Step] = []
    for name in names:
        step: Step | None
        if name in placed:
            step = Step(at=placed[name])
        elif name in afresh:
            step = _afresh(afresh[name])
        else:
            step = _step(name, first, second, made)
        if step is None:
            return None
        steps.append(step)
    return tuple(steps)


def same(a: Any, b: Any) -> bool:
    """Return whether two parameters are the same, and of one type."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def _afresh(make: Callable[[], Any]) -> Step:
    return Step(at=None, make=lambda _nothing: make())


def _step(name: str, first: Planned, second: Planned, made: Mapping[str, Maker]) -> Step | None:
    a, b = first[1][name], second[1][name]
    if same(a, b):
        return Step(at=None, constant=a)
    for make in [made[name]] if name in made else MAKERS:
        for at, values in enumerate(zip(first[0], second[0], strict=True)):
            if all(_makes(make, *each) for each in zip(values, (a, b), strict=True)):
                return Step(at=at, make=make)
    return None


def _makes(make: Maker | None, value: Any, parameter: Any) -> bool:
    try:
        return same(value if make is None else make(value), parameter)
    except (TypeError, ValueError, AttributeError, ArithmeticError, UnfitError):
        # It is no value that this makes anything of.
        return False


def _bytes_of(value: ObjectId) -> bytes:
    return value.binary


def _float_of(value: int) -> float:
    return float(value)


def _decimal_of(value: int) -> Decimal:
    return Decimal(value)


def _listed(make: Maker | None) -> Maker:
    """Return how a value becomes the only element of a list."""
    return lambda value: [value if make is None else make(value)]


def _each(make: Maker | None) -> Maker:
    return lambda values: list(values) if make is None else list(map(make, values))


def _sorted(make: Maker | None) -> Maker:
    return lambda values: sorted(values if make is None else map(make, values))


def _only(make: Maker | None) -> Maker:
    """Return how a list of one value becomes that value."""

    def only(values: list[Any]) -> Any:
        [value] = values
        return value if make is None else make(value)

    return only


SCALARS: Final[tuple[Maker | None, ...]] = (
    None,
    _bytes_of,
    _float_of,
    _decimal_of,
    key_of,
    next_key_of,
)
MAKERS: Final[tuple[Maker | None, ...]] = (
    *SCALARS,
    *(wrap(make) for wrap in (_listed, _only, _each, _sorted) for make in SCALARS),
)
"""How parameters are made of values, the value itself first."""
