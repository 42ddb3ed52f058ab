"""Run a Node program on a database and return what it saw, free of values that differ from run to run."""

import asyncio
import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

NODE = Path(__file__).parent / "node"
RUN_WITHIN_S = 90
DUPLICATE_KEY = 11000
FIXED_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
"""Dates in programs lie before; what lies behind was read from a clock."""

_DATES = {len("2026-01-01T00:00:00Z"), len("2026-01-01T00:00:00.000Z")}
"""Extended JSON leaves out what is no fraction of a second."""

_OBJECT_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{24}(?![0-9a-f])")
_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_ADDRESS = re.compile(r"127\.0\.0\.1:\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A finished program. `unverified` are the verdict reasons that the program itself says will occur."""

    seen: list[Any]
    unverified: frozenset[str]
    maybe: frozenset[str]


def logging_to(folder: Path) -> dict[str, str]:
    """Return this process's environment, in which LibreChat's package logs into a folder and not beside the programs."""
    return {**os.environ, "LIBRECHAT_LOG_DIR": str(folder)}


async def run_node(program: Sequence[str], uri: str, database: str) -> Run:
    """Run `node PROGRAM… URI` and return its transcript."""
    assert (NODE / "node_modules").is_dir(), "run scripts/node_packages.sh first"
    node = shutil.which("node")
    assert node is not None, "the end-to-end tests need Node"
    with TemporaryDirectory() as logs:
        process = await asyncio.create_subprocess_exec(
            node,
            *program,
            uri,
            cwd=NODE,
            env=logging_to(Path(logs)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(RUN_WITHIN_S):
                output, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, f"{uri}\n{errors.decode()[-3000:]}"
    assert not errors, errors.decode()[-3000:]
    said = json.loads(output)
    assert said["seen"], "a program that saw nothing proves nothing"
    return Run(
        seen=Generalised(database).of(said["seen"]),
        unverified=frozenset(said["unverified"]),
        maybe=frozenset(said["maybe"]),
    )


class Generalised:
    """Identifiers that two runs make up differently, replaced by the order in which they first appear.

    Readings of a clock all become one: which of them fall into one millisecond is chance.
    """

    def __init__(self, database: str) -> None:
        self._database = database
        self._identifiers: dict[str, str] = {}

    def of(self, value: Any) -> Any:
        """Return a value with generated ObjectIds, clock readings, names and addresses replaced."""
        match value:
            case dict():
                return {self._text(key): self.of(item) for key, item in value.items()}
            case list():
                return [self.of(item) for item in value]
            case str():
                return self._text(value)
            case _:
                return value

    def _text(self, text: str) -> str:
        if _is_clock_reading(text):
            return "<now>"
        text = text.replace(self._database, "<database>")
        text = _ADDRESS.sub("<address>", text)
        text = _UUID.sub(self._identifier, text)
        return _OBJECT_ID.sub(self._identifier, text)

    def _identifier(self, found: re.Match[str]) -> str:
        return self._identifiers.setdefault(found[0], f"<identifier {len(self._identifiers)}>")


def _is_clock_reading(text: str) -> bool:
    if len(text) not in _DATES or not text.endswith("Z"):
        return False
    try:
        return datetime.fromisoformat(text) > FIXED_BEFORE
    except ValueError:
        return False


def without_texts(value: Any) -> Any:
    """Return a transcript without the texts of errors that have a code, but for those of duplicate keys."""
    if isinstance(value, list):
        return [without_texts(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {name: without_texts(item) for name, item in value.items()}
    if isinstance(value.get("code"), int) and value["code"] != DUPLICATE_KEY:
        return {name: item for name, item in kept.items() if name not in {"message", "errmsg"}}
    return kept


def as_text(seen: list[Any]) -> list[str]:
    """Return a transcript as lines: comparing them is sensitive to the order of fields."""
    return [json.dumps(step) for step in seen]
