"""The code blocks of the README run."""

import asyncio
import os
import re
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from proxy.embedded import EmbeddedMongo, embedded_mongo
from proxy.embedded.process import free_port
from tests.eventually import eventually

ROOT: Final = Path(__file__).parents[2]
README: Final = ROOT / "README.md"
LISTEN: Final = "127.0.0.1:27018"

pytestmark = pytest.mark.timeout(180)


def blocks() -> list[str]:
    return re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_every_block_is_one_that_this_file_runs() -> None:
    first_words = [block.split()[0] for block in blocks()]

    assert first_words == ["make", "make", "make", "export", "parallax", "parallax", "parallax"]


@pytest.mark.parametrize("block", [block for block in blocks() if block.startswith("make")])
async def test_make_ends_in_a_command_that_parallax_knows(block: str) -> None:
    planned = await _run(
        block.replace("make", "make --no-print-directory --dry-run", 1), cwd=ROOT, environment={}
    )
    command = shlex.split(planned.strip().splitlines()[-1])

    assert command[:2] == [".venv/bin/parallax", "demo"]
    text = await _run(shlex.join([sys.executable, "-m", "proxy.cli", "demo", "--help"]), cwd=ROOT)
    assert all(word in text for word in command[2:] if word.startswith("--"))


@pytest.fixture
async def own_mongo(server_directory: Path) -> AsyncIterator[EmbeddedMongo]:
    """Run a MongoDB that holds nothing: what is said without naming a collection means all of them."""
    async with embedded_mongo(server_directory / "readme") as server:
        yield server


async def test_the_commands_for_real_use_run(
    own_mongo: EmbeddedMongo, postgres_dsn: str, tmp_path: Path
) -> None:
    prepare, serve, fill, look = (block for block in blocks() if not block.startswith("make"))
    listen = f"127.0.0.1:{free_port()}"
    environment = {
        "MONGODB": own_mongo.uri,
        "POSTGRESQL": postgres_dsn,
        "PARALLAX_DATA_DIRECTORY": str(tmp_path / "data"),
        "PARALLAX_LISTEN_ADDRESS": listen,
        "PARALLAX_RULES_FILE": str(ROOT / "config" / "rules.toml"),
    }
    export = prepare.splitlines()[0]
    await _run(prepare, cwd=tmp_path, environment=environment)

    async with _serving(f"{export}\nexec {serve.replace(LISTEN, listen)}", tmp_path, environment):
        await _run("parallax status --health", cwd=tmp_path, environment=environment, within_s=30)
        await eventually((tmp_path / "data" / "ledger.db").exists, within_s=30)
        await _fill(own_mongo)
        # The verifier has only begun: until it is heard of, backfill says that none works.
        filled = await _run(f"{export}\n{fill}", cwd=tmp_path, environment=environment, within_s=30)
        assert "readme.before: 3 documents" in filled
        status, report = look.strip().splitlines()
        assert "relay" in await _run(status, cwd=tmp_path, environment=environment)
        # Nobody has used it yet: the evidence does not suffice, and the command says so with 2.
        await _run(report, cwd=tmp_path, environment=environment, code=2)

    assert (tmp_path / "parallax-report" / "report.html").exists()


async def _fill(mongo: EmbeddedMongo) -> None:
    """Put documents past the sidecar: backfill finds them, and sweep then finds nothing wrong."""
    documents = [{"_id": number} for number in range(3)]
    await mongo.members[0].ask({"insert": "before", "documents": documents, "$db": "readme"})


async def _run(
    script: str,
    *,
    cwd: Path,
    environment: dict[str, str] | None = None,
    code: int = 0,
    within_s: float = 0,
) -> str:
    """Run a block in a shell and return what it prints; try again for `within_s` until it succeeds."""

    async def once() -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-euc", script),
            cwd=cwd,
            env=_environment(environment),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode, output.decode()

    async def succeeded() -> str:
        ended, text = await once()
        assert ended == code, text
        return text or " "

    return await eventually(succeeded, within_s=within_s)


@asynccontextmanager
async def _serving(script: str, cwd: Path, environment: dict[str, str]) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-euc", script),
        cwd=cwd,
        env=_environment(environment),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


def _environment(more: dict[str, str] | None) -> dict[str, str]:
    # Of `make test`: they would hand its ARGS to the make that is tried here.
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PARALLAX_") and name not in {"ARGS", "MAKEFLAGS"}
    }
    path = f"{Path(sys.executable).parent}:{own.get('PATH', '')}"
    return {**own, **(more or {}), "PATH": path}
