"""Names that look like values: keys of a map such as `votes.64f0…e1`, and positions in arrays.

Shapes, fingerprints, rules and the ledger see them as `*`: paths stay few, and carry no data.
"""

import re
from functools import lru_cache
from typing import Final

HIDDEN: Final = "*"
MORE: Final = "…"
MAX_NAME: Final = 64

# Identifiers, operators, variables (`$$this`) and positional parts (`$`, `$[]`, `$[element]`).
_IDENTIFIER: Final = re.compile(r"(?:\$\$?)?[^\W\d][\w-]*|\$|\$\[\w*\]")
_LOOKS_LIKE_A_VALUE: Final = re.compile(
    r"""
    [0-9]{6}                                        # a run of digits: a number, a time, a telephone
    | \b[0-9a-fA-F]{24}\b                           # ObjectId
    | \b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}        # UUID
    | \b(?=[a-fA-F]*[0-9])[0-9a-fA-F]{12,}\b        # another hexadecimal key
    """,
    re.VERBOSE,
)
_TOKEN: Final = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d.*[^\d].*\d)")
_TOKEN_LENGTH: Final = 16
_BASE64_LENGTH: Final = 32


@lru_cache(maxsize=8192)
def general_path(path: str) -> str:
    """Return a dotted path with `*` for positions in arrays and for names that look like values."""
    return ".".join([HIDDEN if _is_value(part) else part for part in path.split(".")])


def general_name(name: str) -> str:
    """Return one name of a path, `*` if it looks like a value; a dot inside makes it one."""
    return HIDDEN if "." in name else general_path(name)


def _is_value(part: str) -> bool:
    if not _IDENTIFIER.fullmatch(part) or len(part) > MAX_NAME:
        return True
    if _LOOKS_LIKE_A_VALUE.search(part):
        return True
    if len(part) > _BASE64_LENGTH and any(letter.isdigit() for letter in part):
        return True
    return len(part) >= _TOKEN_LENGTH and _TOKEN.search(part) is not None
