"""Keep the verifier process running beside the relay, whatever becomes of it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from comparators.errors import RefusedError, SettingsError
from proxy.settings import Settings, variable_of
from proxy.uris import address_of, uri_through

_log = structlog.get_logger()

GATEWAY_AGAIN_S: Final = 1.0
"""Nobody waits for it: meanwhile MongoDB answers."""
SERVER_AGAIN_S: Final = 0.1
"""Everybody waits for it."""
_STABLE_S: Final = 30.0
_END_WITHIN_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait before the next verifier: twice as long each time, up to a limit."""

    first_s: float
    longest_s: float
    remedy: str = ""
    """What a person must do before another start can succeed; empty where time alone may help."""

    def pause_s(self, failures: int) -> float:
        """Return the pause after so many failures of this kind in a row."""
        return min(self.first_s * 2.0 ** min(failures - 1, 30), self.longest_s)


PATIENCE: Final = Patience(first_s=0.2, longest_s=10.0)
"""For a crash, or a peer that does not answer."""

_WRONG: Final = Patience(
    first_s=5.0,
    longest_s=60.0,
    remedy="correct what the verifier complains of above; a setting takes a restart of `parallax serve`",
)
# After a crash of the relay the verifier of its predecessor may need a moment to notice and end.
_TAKEN: Final = Patience(
    first_s=1.0,
    longest_s=60.0,
    remedy="end the process that the verifier names above: one verifier works on a capture log",
)
REFUSALS: Final[Mapping[int, Patience]] = {
    os.EX_USAGE: _WRONG,
    SettingsError.exit_code: _WRONG,
    RefusedError.exit_code: _TAKEN,
}
"""By exit code: what trying again at once does not mend."""


async def keep_verifier(
    settings: Settings, injection: Path | None = None, beside: Path | None = None
) -> None:
    """Run a verifier until cancelled; start another with backoff when it ends.

    `injection` is the plan by which its gateway is damaged on purpose, None but in demonstrations. `beside` is the socket on which this relay
    waits for writes to be on the gateway, None where it does not.
    """
    loop = asyncio.get_running_loop()
    arguments: list[str] = []
    if injection is not None:
        arguments += ["--injection", str(injection)]
    if beside is not None:
        arguments += ["--beside", str(beside)]
    last_code, failures = 0, 0
    while True:
        began_s = loop.time()
        code = await _one_process("verify", environment_of(settings), arguments)
        is_new = code != last_code or loop.time() - began_s > _STABLE_S
        last_code, failures = code, 1 if is_new else failures + 1
        await asyncio.sleep(_tell(code, failures))


def _tell(code: int, failures: int) -> float:
    """Log that a verifier has ended and return the pause before the next one, in seconds."""
    patience = REFUSALS.get(code, PATIENCE)
    pause_s = patience.pause_s(failures)
    if patience.remedy:
        _log.error("verifier_refused", exit_code=code, restart_in_s=pause_s, remedy=patience.remedy)
    else:
        _log.warning("verifier_ended", exit_code=code, restart_in_s=pause_s)
    return pause_s


async def keep_gateway(settings: Settings, socket: Path) -> None:
    """Run a process that answers reads from the gateway until cancelled; start another when it ends."""
    while True:
        code = await _one_process("gateway", environment_of(settings), ("--behind", str(socket)))
        _log.warning("gateway_ended", exit_code=code, restart_in_s=GATEWAY_AGAIN_S)
        await asyncio.sleep(GATEWAY_AGAIN_S)


async def keep_server(settings: Settings, socket: Path) -> None:
    """Run a process that answers instead of MongoDB until cancelled; start another at once when it ends."""
    while True:
        code = await _one_process("gateway", environment_of(settings), ("--instead", str(socket)))
        _log.warning("server_ended", exit_code=code, restart_in_s=SERVER_AGAIN_S)
        await asyncio.sleep(SERVER_AGAIN_S)


async def keep_http(settings: Settings) -> None:
    """Run the HTTP API, whose database is MongoDB through this relay, until cancelled; start another when it ends."""
    through = uri_through(settings.demand("legacy.uri"), address_of(settings.listen.address))
    environment = environment_of(settings)
    if not settings.http.database:
        environment[variable_of("http.database")] = through
    while True:
        code = await _one_process("http", environment, ())
        patience = REFUSALS.get(code)
        pause_s = GATEWAY_AGAIN_S if patience is None else patience.first_s
        _log.warning("http_ended", exit_code=code, restart_in_s=pause_s)
        await asyncio.sleep(pause_s)


async def keep_mirror(settings: Settings) -> None:
    """Run a process that keeps MongoDB current until cancelled; start another when it ends."""
    while True:
        code = await _one_process("mirror", environment_of(settings), ("run",))
        _log.warning("mirror_ended", exit_code=code, restart_in_s=GATEWAY_AGAIN_S)
        await asyncio.sleep(GATEWAY_AGAIN_S)


async def _one_process(
    command: str, environment: Mapping[str, str], arguments: Sequence[str]
) -> int:
    """Return the exit code of one process; it is asked to end when this is cancelled.

    One that cannot even be started, for want of memory or of processes, has ended with EX_OSERR: the relay goes on.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "proxy.cli",
            command,
            *arguments,
            "--parent",
            str(os.getpid()),
            env=environment,
        )
    except OSError:
        return os.EX_OSERR
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


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the settings as variables: unlike arguments they are not shown to other users."""
    environment = dict(os.environ)
    environment.pop("PARALLAX_CONFIG", None)
    for section, values in settings.model_dump(mode="json").items():
        for name, value in values.items():
            # As `load` reads it: text as it is, everything else as JSON, infinity included.
            text = value if isinstance(value, str) else json.dumps(value)
            environment[variable_of(f"{section}.{name}")] = text
    return environment
