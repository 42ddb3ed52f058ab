"""Which requests belong to a transaction that is open already. Pure."""

from typing import Final

_IN_TRANSACTION: Final = b"\x08autocommit\x00\x00"
_STARTS: Final = b"\x08startTransaction\x00\x01"


def goes_on(raw: bytes) -> bool:
    """Return whether a request goes on with a transaction that an earlier one has begun, or ends it.

    Names of fields that stand among values by chance only let one more request go where all others still are.
    """
    return _IN_TRANSACTION in raw and _STARTS not in raw
