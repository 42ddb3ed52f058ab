"""The class of a difference: the shape of the operation, the generalised path and the kind of change.

Mismatches are grouped by it, so it holds no value: types and error codes only.
"""

from dataclasses import dataclass
from hashlib import blake2b

from comparators.change import ChangeKind, Difference
from comparators.shape import Shape

_TYPED = frozenset({ChangeKind.TYPE, ChangeKind.ERROR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """A readable text, and a short hash that also counts the shape in."""

    id: str
    text: str

    def __str__(self) -> str:
        return f"{self.id} {self.text}"


def fingerprint_of(shape: Shape, difference: Difference) -> Fingerprint:
    """Return the class of a difference of an operation with this shape."""
    text = f"{difference.path or '(whole)'} {difference.kind}"
    if difference.kind in _TYPED:
        text += f" {difference.legacy_type} → {difference.gateway_type}"
    digest = blake2b(f"{shape.id} {text}".encode(), digest_size=4)
    return Fingerprint(id=digest.hexdigest(), text=text)
