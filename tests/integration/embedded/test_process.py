"""No server outlives whoever started it, and none stops another's."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from comparators.errors import UnreachableError
from proxy.embedded.process import ServerProcess
from tests.eventually import eventually

START_A_SLEEPER_AND_DIE = """
import os, signal, sys
from pathlib import Path
from proxy.embedded.process import ServerProcess
directory = Path(sys.argv[1])
child = ServerProcess(name="sleeper", command=["sleep", "600"], directory=directory, log_path=directory / "log")
child.start()
(directory / "pid").write_text(str(child.pid))
os.kill(os.getpid(), signal.SIGKILL)
"""


def _process(directory: Path, *command: str) -> ServerProcess:
    return ServerProcess(
        name="program", command=command, directory=directory, log_path=directory / "log"
    )


async def test_a_child_dies_with_its_killed_parent(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", START_A_SLEEPER_AND_DIE, str(tmp_path)
    )
    assert await parent.wait() == -signal.SIGKILL

    pid = int((tmp_path / "pid").read_text())

    assert await eventually(lambda: not _runs(pid))


async def test_a_program_that_ends_early_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    program = _process(tmp_path, "sh", "-c", "echo cannot bind; exit 3")
    program.start()

    async def never() -> bool:
        return False

    with pytest.raises(UnreachableError, match="cannot bind"):
        await program.ready(never, within_s=10)


async def test_a_program_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    program = _process(tmp_path, "sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done")
    program.start()
    await eventually(lambda: program.log_path.read_text() == "up\n")

    await program.stop(within_s=0.1)

    assert program.pid is None


async def test_a_stopped_program_can_be_started_again(tmp_path: Path) -> None:
    program = _process(tmp_path, "sleep", "600")
    program.start()
    first = program.pid
    await program.stop()

    program.start()

    assert program.pid not in (first, None)
    await program.stop()


def _runs(pid: int) -> bool:
    """Return whether the process exists and is not merely unburied."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
