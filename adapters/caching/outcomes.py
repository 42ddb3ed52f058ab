"""A result as bytes, and back."""

from typing import Any

from comparators.canonical import decode, encode
from comparators.outcome import Count, Documents, Result, Values


def packed(result: Result) -> bytes | None:
    """Return a result as one BSON document, None for one that is not worth keeping."""
    match result:
        case Documents(documents=documents, complete=True):
            return encode({"documents": list(documents)})
        case Count(n=n):
            return encode({"count": n})
        case Values(values=values, optional=optional):
            return encode({"values": list(values), "optional": list(optional)})
        case _:
            return None


def unpacked(packet: bytes) -> Result:
    """Return the result that was packed."""
    found: dict[str, Any] = decode(packet)
    if "documents" in found:
        return Documents(documents=tuple(map(bytes, found["documents"])))
    if "count" in found:
        return Count(n=found["count"])
    return Values(values=tuple(found["values"]), optional=tuple(found["optional"]))
