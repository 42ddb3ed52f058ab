"""What a running process holds, read from /proc. Source: proc(5)."""

import os
import subprocess
from pathlib import Path
from typing import Final

from benchmarks.figure import NotMeasuredError

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


def peak_mib(pid: int) -> float | None:
    """Return the greatest resident set of a process since it began, or since `forget_peak`; None when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), None)


def forget_peak(pid: int) -> None:
    """Begin anew to look for the greatest resident set of a process."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def ended(process: subprocess.Popen[bytes]) -> float:
    """Wait for a process and return its greatest resident set in MiB; NotMeasuredError if it failed."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise NotMeasuredError(f"{process.args!r} ended with {process.returncode}")
    return usage.ru_maxrss / 1024


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
