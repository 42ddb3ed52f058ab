"""What of an application's data may be written down: types, lengths and classes, never a value.

Object ids, booleans and null identify nobody and are shown. Every other value appears as its class, unless a
`reveal` rule names its path. `_id`s of other types become keyed digests: equal `_id`s stay recognisable
within one ledger and mean nothing outside it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from hashlib import blake2b
from typing import Any, Final

from bson import Binary, Code, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128

from comparators.canonical import MISSING, document_key
from comparators.change import Difference
from comparators.naming import general_path
from proxy.ledger.entries import Writer

Revealed = Callable[[str, str], bool]
"""Whether a `reveal` rule names this collection and generalised path."""

MAX_DIFFERENCES: Final = 10
MAX_DOCUMENTS: Final = 5
MAX_REVEALED_CHARACTERS: Final = 200

_DIGEST_BYTES: Final = 8


def nothing_revealed(_namespace: str, _path: str) -> bool:
    """Reveal nothing: the default."""
    return False


class Redaction:
    """Redact for one ledger, whose `key` makes its digests unlike those of any other."""

    def __init__(self, *, key: bytes, revealed: Revealed = nothing_revealed) -> None:
        self._key = key
        self._revealed = revealed

    def document(self, namespace: str, identifier: Any) -> str:
        """Return an `_id` in a form that may be stored: itself if it is an object id, else a digest."""
        if isinstance(identifier, ObjectId):
            return str(identifier)
        digest = blake2b(key=self._key, digest_size=_DIGEST_BYTES)
        digest.update(namespace.encode())
        digest.update(document_key(identifier))
        return f"{type_of(identifier)}#{digest.hexdigest()}"

    def sample(
        self,
        namespace: str,
        differences: Sequence[Difference],
        documents: Sequence[Any],
        *,
        writer: Writer | None = None,
    ) -> str:
        """Return the differences of one exchange as JSON that may be stored."""
        return json.dumps(
            {
                "documents": [
                    self.document(namespace, document) for document in documents[:MAX_DOCUMENTS]
                ],
                "documents_in_all": len(documents),
                "differences": [
                    self._difference(namespace, difference)
                    for difference in differences[:MAX_DIFFERENCES]
                ],
                "differences_in_all": len(differences),
                "writer": None if writer is None else asdict(writer),
            },
            separators=(",", ":"),
        )

    def differences(self, namespace: str, differences: Sequence[Difference]) -> str:
        """Return differences of one document as JSON that may be stored."""
        kept = [self._difference(namespace, each) for each in differences[:MAX_DIFFERENCES]]
        return json.dumps(kept, separators=(",", ":"))

    def _difference(self, namespace: str, difference: Difference) -> dict[str, str]:
        is_revealed = self._revealed(namespace, difference.path)
        show = revealed if is_revealed else summary
        return {
            "path": general_path(difference.path),
            "change": difference.kind.value,
            "legacy": show(difference.legacy),
            "gateway": show(difference.gateway),
            "legacy_type": difference.legacy_type,
            "gateway_type": difference.gateway_type,
        }


def summary(value: Any) -> str:
    """Return the class of a value: type, and length where it has one."""
    if value is MISSING:
        return "missing"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, ObjectId):
        return f"objectId({value})"
    kind = type_of(value)
    if isinstance(value, str | bytes | list | tuple | dict):
        return f"{kind}({len(value)})"
    return kind


def type_of(value: Any) -> str:
    """Return MongoDB's alias of the type of a value.

    Source: MongoDB manual, "$type", section "Available Types".
    """
    return next((alias for of_type, alias in _ALIASES if isinstance(value, of_type)), "unknown")


def revealed(value: Any) -> str:
    text = summary(value) if value is MISSING or value is None else f"{type_of(value)} {value!r}"
    if len(text) > MAX_REVEALED_CHARACTERS:
        return text[:MAX_REVEALED_CHARACTERS] + "…"
    return text


# Subclasses stand before their base classes.
_ALIASES: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (bool, "bool"),
    (Int64, "long"),
    (int, "int"),
    (float, "double"),
    (Decimal128, "decimal"),
    (Code, "javascript"),
    (str, "string"),
    (Binary, "binData"),
    (bytes, "binData"),
    (ObjectId, "objectId"),
    (DatetimeMS, "date"),
    (Timestamp, "timestamp"),
    (Regex, "regex"),
    (MinKey, "minKey"),
    (MaxKey, "maxKey"),
    (DBRef, "object"),
    (dict, "object"),
    ((list, tuple), "array"),
    (type(None), "null"),
    (type(MISSING), "missing"),
)
