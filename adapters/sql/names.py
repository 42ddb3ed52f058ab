"""Names within the length that PostgreSQL keeps, distinct whatever they were made of."""

import hashlib
from typing import Final

LONGEST_NAME: Final = 63
"""PostgreSQL cuts identifiers after this many bytes."""

HASH_LENGTH: Final = 16


def shortened(name: str, role: str) -> str:
    """Return the beginning of a name, its hash and a role."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:HASH_LENGTH]
    room = LONGEST_NAME - HASH_LENGTH - 1 - len(role)
    readable = name.replace("\0", "").replace("~", "-").encode()[:room].decode(errors="ignore")
    return f"{readable}~{digest}{role}"


def named(table: str, role: str) -> str:
    """Return the name of something that belongs to a table, readable where it fits."""
    name = f"{table}~{role}"
    return name if len(name.encode()) <= LONGEST_NAME else shortened(name, "")
