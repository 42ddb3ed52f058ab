"""What a running process holds, read from /proc. Source: proc(5)."""

import os
from pathlib import Path
from typing import Final

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
MIB: Final = 1024 * 1024


def resident_mib(pid: int) -> float | None:
    """Return the resident set of a process; None when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    resident = int(fields[1]) if len(fields) > 1 else 0
    # A process that has ended but was not waited for holds nothing.
    return resident * _PAGE_BYTES / MIB if resident else None


def child_running(pid: int, word: str) -> int | None:
    """Return the child of a process whose command line holds a word; None when there is none."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    for child in map(int, children):
        try:
            arguments = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if word.encode() in arguments:
            return child
    return None
