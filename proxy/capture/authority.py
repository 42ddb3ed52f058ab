"""Which side has the last word: MongoDB, or after the cut-over PostgreSQL. Kept beside the capture log, by the relay alone.

Flags say what is wanted; this says what is. It is on disk before the first operation goes to the other side, and what cannot be read
is not guessed: the wrong side would answer with old documents.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from comparators.errors import CorruptionError
from proxy.capture.segment import FILE_MODE

FILE: Final = "authority.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Whether PostgreSQL has the last word, since when, and what drivers know MongoDB by."""

    is_gateway: bool = False
    since_ns: int = 0
    hello: Mapping[str, Any] = field(default_factory=dict)


LEGACY: Final = Authority()


def read_authority(directory: Path) -> Authority:
    """Return who has the last word; CorruptionError where nobody can tell."""
    file = directory / FILE
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return Authority(
            is_gateway=bool(told["is_gateway"]),
            since_ns=int(told["since_ns"]),
            hello=dict(told["hello"]),
        )
    except FileNotFoundError:
        return LEGACY
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptionError(
            "whether MongoDB or PostgreSQL has the last word cannot be read",
            where=str(file),
            remedy="mend the file: `is_gateway` is true from a cut-over until the way back",
        ) from error


def write_authority(directory: Path, authority: Authority) -> None:
    """Have a side have the last word, whatever happens from here on. Raises OSError."""
    told = {
        "is_gateway": authority.is_gateway,
        "since_ns": authority.since_ns,
        "hello": dict(authority.hello),
    }
    half = directory / f"{FILE}.new"
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(told, file)
        file.flush()
        os.fsync(file.fileno())
    half.replace(directory / FILE)
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
