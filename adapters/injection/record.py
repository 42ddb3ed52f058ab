"""The record of injected defects: lines of JSON, written as they happen.

Besides the defects it holds what followed from them, as far as answers and stored documents of the
damaged gateway differ from those of its undamaged twin: only that may be found.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, Final, Self

from adapters.injection.plan import DefectKind
from comparators.canonical import encode
from comparators.errors import CorruptionError
from comparators.operation import Operation

_DIGEST_BYTES: Final = 12


class EntryKind(StrEnum):
    """What a line says."""

    STORED = "stored"
    """A document was damaged."""
    ANSWERED = "answered"
    """An answer was damaged."""
    DIFFERS = "differs"
    """A document differs from its twin, damaged itself or as a consequence."""
    AFFECTED = "affected"
    """An answer differs from its twin's as a consequence of what is stored."""
    HEALED = "healed"
    """A damaged document was deleted, overwritten or put right before the end."""
    HARMLESS = "harmless"
    """An operation whose answer was damaged was run again, and there was nothing left to damage."""
    DOUBTED = "doubted"
    """The verifier gave a write up as not comparable and asked which documents it concerned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line. A document is named by `canonical.document_key` of its `_id`, an operation by its digest."""

    kind: EntryKind
    namespace: str
    defect: DefectKind | None = None
    document: bytes | None = None
    operation: str | None = None
    position: int | None = None
    """Where the operation begins on the log; None for reads, which have no mark."""


def digest_of(operation: Operation) -> str:
    """Return a short name of an operation with all its values."""
    digest = blake2b(f"{operation.namespace} {operation.kind}".encode(), digest_size=_DIGEST_BYTES)
    digest.update(encode(dict(operation.arguments)))
    return digest.hexdigest()


class DefectRecord:
    """Append entries; used as a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None
        self._written: set[Entry] = set()

    def __enter__(self) -> Self:
        self._file = self._path.open("a", encoding="utf-8", buffering=1)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, entry: Entry) -> None:
        """Write an entry, unless it was written before."""
        if entry not in self._written:
            self._written.add(entry)
            self.changed(entry)

    def changed(self, entry: Entry) -> None:
        """Write an entry as often as it comes true."""
        if self._file is not None:
            self._file.write(json.dumps(_plain(entry)) + "\n")


def read_record(path: Path) -> Iterator[Entry]:
    """Give the entries of a record; none where there is no file. CorruptionError for a broken line."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield _entry(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise CorruptionError(
                    "a line of the record of defects cannot be read",
                    where=f"{path}:{number}",
                    remedy="run the demonstration again",
                ) from error


def _plain(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "namespace": entry.namespace,
        "defect": entry.defect,
        "document": None if entry.document is None else entry.document.hex(),
        "operation": entry.operation,
        "position": entry.position,
    }


def _entry(fields: dict[str, Any]) -> Entry:
    return Entry(
        kind=EntryKind(fields["kind"]),
        namespace=fields["namespace"],
        defect=None if fields["defect"] is None else DefectKind(fields["defect"]),
        document=None if fields["document"] is None else bytes.fromhex(fields["document"]),
        operation=fields["operation"],
        position=fields["position"],
    )
