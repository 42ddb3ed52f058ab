"""The session of a command, read without decoding it. Pure.

Source: MongoDB specifications, "Driver Sessions", section "lsid".
"""

from typing import Final

_LSID: Final = b"\x03lsid\x00"
_ID: Final = b"\x05id\x00\x10\x00\x00\x00\x04"
"""A binary of 16 bytes that is a UUID."""
_ID_AT: Final = 4
_BYTES: Final = 16


def session_of(raw: bytes) -> str:
    """Return the number of a command's session in hexadecimal digits, empty for none.

    The last field of this name counts: drivers put theirs behind the values of the application.
    """
    at = raw.rfind(_LSID)
    if at < 0:
        return ""
    at += len(_LSID) + _ID_AT
    if raw[at : at + len(_ID)] != _ID:
        return ""
    at += len(_ID)
    return raw[at : at + _BYTES].hex()
