"""`parallax` as a process, with nothing set but what a test sets."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ENDS_WITHIN_S = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def printed(self) -> str:
        return self.out + self.err


async def parallax(
    *arguments: str,
    directory: Path,
    environment: Mapping[str, str] | None = None,
    within_s: float = ENDS_WITHIN_S,
) -> Ran:
    """Run a command below a folder until it ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "proxy.cli",
        *arguments,
        cwd=directory,
        env=environment_of(environment or {}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within_s):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ran(code=process.returncode, out=out.decode(), err=err.decode())


def environment_of(settings: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without the machine's settings, and with these."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PARALLAX_")}
    return {**bare, "COLUMNS": "80", **settings}


def assert_three_lines(ran: Ran, *, what: str, where: str) -> None:
    """Assert that a command said what is wrong, where, and what to do, and nothing else."""
    lines = ran.err.splitlines()
    assert len(lines) == 3, ran.err
    assert lines[0].startswith("error: ")
    assert what in lines[0]
    assert lines[1].startswith("  where: ")
    assert where in lines[1]
    assert lines[2].startswith("  remedy: ")
    assert "Traceback" not in ran.printed
