"""What is to be damaged, and the chance that decides it: the same for the same document or operation.

A real defect shows again when one looks again. So nothing here is random: a keyed hash of the
document or the operation says whether it is damaged and how.
"""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Self

from comparators.errors import SettingsError


class DefectKind(StrEnum):
    """The kinds of damage."""

    WRONG_VALUE = "wrong value"
    LOST_FIELD = "lost field"
    LOST_DOCUMENT = "lost document"
    LOST_WRITE = "lost write"
    WRONG_ORDER = "wrong order"
    WRONG_COUNT = "wrong count"
    WRONG_ERROR = "wrong error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """How much to damage, and where to say so.

    `rate` is the share of documents and of operations, 0 to 1. `twin` is the address of a second, empty gateway
    that receives the same operations and is never damaged: what differs between the two is what was
    damaged, and nothing else is.
    """

    rate: float
    seed: int
    twin: str
    record: Path

    def save(self, path: Path) -> None:
        """Write the plan to a file that only its owner may read: the address holds a password."""
        path.touch(mode=0o600)
        path.write_text(json.dumps({**asdict(self), "record": str(self.record)}))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a plan; SettingsError if it is none."""
        try:
            fields = json.loads(path.read_text())
            return cls(
                rate=float(fields["rate"]),
                seed=int(fields["seed"]),
                twin=str(fields["twin"]),
                record=Path(fields["record"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SettingsError(
                "the plan of injected defects cannot be read",
                where=str(path),
                remedy="leave it to `parallax demo --inject` to write one",
            ) from error

    def picks(self, *parts: bytes, times: int = 1) -> bool:
        """Return whether the thing named is to be damaged; `times` as often as the rate says."""
        return self.number(b"whether", *parts) < times * self.rate * 2**64

    def number(self, *parts: bytes) -> int:
        """Return a number of 64 bits that depends on nothing but the seed and the thing named."""
        digest = blake2b(key=str(self.seed).encode(), digest_size=8)
        for part in parts:
            digest.update(len(part).to_bytes(4))
            digest.update(part)
        return int.from_bytes(digest.digest())
