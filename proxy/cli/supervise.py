"""Keep the verifier process running beside the relay, whatever becomes of it."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from proxy.settings import Settings, variable_of

_log = structlog.get_logger()

_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 10.0
_STABLE_S: Final = 30.0
_END_WITHIN_S: Final = 10.0


async def keep_verifier(settings: Settings, injection: Path | None = None) -> None:
    """Run a verifier until cancelled; start another with backoff when it ends.

    `injection` is the plan by which its gateway is damaged on purpose, None but in demonstrations.
    """
    loop = asyncio.get_running_loop()
    arguments = () if injection is None else ("--injection", str(injection))
    pause_s = _FIRST_PAUSE_S
    while True:
        began_s = loop.time()
        code = await _one_verifier(_environment(settings), arguments)
        if loop.time() - began_s > _STABLE_S:
            pause_s = _FIRST_PAUSE_S
        _log.warning("verifier_ended", exit_code=code, restart_in_s=pause_s)
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


async def _one_verifier(environment: Mapping[str, str], arguments: Sequence[str]) -> int:
    """Return the exit code of one verifier; it is asked to end when this is cancelled."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy.cli", "verify", "--child", *arguments, env=environment
    )
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(_END_WITHIN_S):
            await process.wait()
    except TimeoutError:
        # What it had not written down yet is verified again by the next one.
        process.kill()
        await process.wait()


def _environment(settings: Settings) -> dict[str, str]:
    """Return the settings as variables: unlike arguments they are not shown to other users."""
    environment = dict(os.environ)
    environment.pop("PARALLAX_CONFIG", None)
    for section, values in settings.model_dump(mode="json").items():
        for name, value in values.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            environment[variable_of(f"{section}.{name}")] = text
    return environment
