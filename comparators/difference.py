"""Where two unequal documents differ.

Raw BSON decides *that* something differs; DeepDiff, run on small stand-ins for the values that do, says
where. Each distinct value (its type and its bytes) is stood for by a number, so nothing that Python holds
for equal (1, 1.0 and True; 0.0 and -0.0) is lost, and a value of any size costs the same.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

# Not where it is needed: the first difference would stop a verifier that is at work for as long as this takes to load.
from deepdiff import DeepDiff

from comparators.change import ROOT, ChangeKind, Difference, Path, change
from comparators.element import ARRAY, OBJECT, Element, elements

MAX_ALIGNED: Final = 256
"""Arrays whose differing part is longer are compared position by position."""


def differences_between(legacy: bytes, gateway: bytes, *, at: Path = ROOT) -> Iterator[Difference]:
    """Give the differences of two documents, at least one if their bytes differ."""
    if legacy == gateway:
        return
    found = False
    for difference in _of_objects(legacy, gateway, at):
        found = True
        yield difference
    if not found:
        # Nothing but the names of positions in an array is left to differ.
        yield change(ChangeKind.FIELD_ORDER, at, Element(OBJECT, legacy), Element(OBJECT, gateway))


def between_values(
    at: Path, legacy: Element | None, gateway: Element | None
) -> Iterator[Difference]:
    """Give the differences of two unequal values; None stands for a missing one."""
    if legacy is None:
        yield change(ChangeKind.EXTRA_IN_GATEWAY, at, legacy, gateway)
    elif gateway is None:
        yield change(ChangeKind.MISSING_IN_GATEWAY, at, legacy, gateway)
    elif legacy.code != gateway.code:
        yield change(ChangeKind.TYPE, at, legacy, gateway)
    elif legacy.code == OBJECT:
        yield from differences_between(legacy.raw, gateway.raw, at=at)
    elif legacy.code == ARRAY:
        yield from _of_arrays(legacy, gateway, at)
    else:
        yield change(ChangeKind.VALUE, at, legacy, gateway)


def _of_objects(legacy: bytes, gateway: bytes, at: Path) -> Iterator[Difference]:
    left, right = _by_name(legacy), _by_name(gateway)
    if [name for name in left if name in right] != [name for name in right if name in left]:
        yield change(ChangeKind.FIELD_ORDER, at, Element(OBJECT, legacy), Element(OBJECT, gateway))
    changed = [name for name in left | right if left.get(name) != right.get(name)]
    for start in range(0, len(changed), MAX_ALIGNED):
        names = changed[start : start + MAX_ALIGNED]
        numbers = _Numbers()
        for name in _differing_keys(
            {name: numbers[left[name]] for name in names if name in left},
            {name: numbers[right[name]] for name in names if name in right},
        ):
            place = at.field(name.split("\x00")[0])
            yield from between_values(place, left.get(name), right.get(name))


def _of_arrays(legacy: Element, gateway: Element, at: Path) -> Iterator[Difference]:
    left = [item for _, item in elements(legacy.raw)]
    right = [item for _, item in elements(gateway.raw)]
    if Counter(left) == Counter(right):
        yield change(ChangeKind.ORDER, at, legacy, gateway)
        return
    start = _common_start(left, right)
    end = min(_common_start(left[::-1], right[::-1]), len(left) - start, len(right) - start)
    left, right = left[start : len(left) - end], right[start : len(right) - end]
    for position, (ours, theirs) in _pairs(left, right):
        yield from between_values(at.item(start + position), ours, theirs)


_Pair = tuple[Element | None, Element | None]


def _pairs(left: list[Element], right: list[Element]) -> Iterator[tuple[int, _Pair]]:
    """Give the differing items of two arrays, aligned where that is affordable."""
    if max(len(left), len(right)) > MAX_ALIGNED:
        for position, pair in enumerate(zip_longest(left, right)):
            if pair[0] != pair[1]:
                yield position, pair
        return
    numbers = _Numbers()
    for level in _levels([numbers[item] for item in left], [numbers[item] for item in right]):
        (position,) = level.path(output_format="list")
        yield position, (numbers.element(level.t1), numbers.element(level.t2))


def _differing_keys(left: Mapping[str, int], right: Mapping[str, int]) -> list[str]:
    """Return the keys at which DeepDiff sees two mappings differ, in their order."""
    seen = {level.path(output_format="list")[0] for level in _levels(left, right)}
    return [name for name in {**left, **right} if name in seen]


def _levels(left: Any, right: Any) -> Iterator[Any]:
    found = DeepDiff(
        left,
        right,
        view="tree",
        # `__v` is a field like any other, and a document of which all changed is still looked into.
        ignore_private_variables=False,
        threshold_to_diff_deeper=0,
    )
    for levels in found.values():
        yield from levels


class _Numbers:
    """Numbers that stand for distinct values."""

    def __init__(self) -> None:
        self._numbers: dict[Element, int] = {}
        self._elements: list[Element] = []

    def __getitem__(self, element: Element) -> int:
        number = self._numbers.setdefault(element, len(self._elements))
        if number == len(self._elements):
            self._elements.append(element)
        return number

    def element(self, number: Any) -> Element | None:
        """Return what a number stands for; DeepDiff marks an absent side by something else."""
        return self._elements[number] if isinstance(number, int) else None


def _by_name(document: bytes) -> dict[str, Element]:
    """Return the fields by name; a name that occurs again is told apart by a NUL and a number."""
    fields: dict[str, Element] = {}
    for name, element in elements(document):
        if name in fields:
            fields[f"{name}\x00{len(fields)}"] = element
        else:
            fields[name] = element
    return fields


def _common_start(left: Sequence[Element], right: Sequence[Element]) -> int:
    length = 0
    for ours, theirs in zip(left, right, strict=False):
        if ours != theirs:
            break
        length += 1
    return length
