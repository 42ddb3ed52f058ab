"""A walk through the routes of the HTTP API with aiohttp, step by step as `node/http/walk.json` says; walk.mjs does the same."""

import hashlib
import json
import re
from functools import reduce
from typing import Any
from uuid import uuid4

import aiohttp

from tests.e2e.node_runs import NODE, Generalised

STEPS: list[dict[str, Any]] = json.loads((NODE / "http" / "walk.json").read_text())
ATTEMPTS = 100
CONFLICT = 409
TOLD = ("content-type", "content-range", "idempotency-replayed")
_NAMED = re.compile(r"<(\w+)>")


async def walk(session: aiohttp.ClientSession, address: str, database: str) -> list[Any]:
    """Return what was answered to each step, free of values that differ from run to run."""
    known: dict[str, Any] = {"run": str(uuid4())}
    seen = []
    for step in STEPS:
        answer = await _answered(session, address, step, known)
        known |= {name: _at(answer, path) for name, path in step.get("keep", {}).items()}
        headers = {name: answer["headers"][name] for name in TOLD if name in answer["headers"]}
        body = None if step.get("private") else answer["body"]
        seen.append([step["step"], {**answer, "headers": headers, "body": body}])
    found: list[Any] = Generalised(database).of(seen)
    return found


def assert_as_said(seen: list[Any]) -> None:
    """Assert that every step was answered as walk.json says."""
    assert [name for name, _ in seen] == [step["step"] for step in STEPS]
    for step, (name, answer) in zip(STEPS, seen, strict=True):
        assert answer["status"] == step["status"], (name, answer)
        for path, value in step.get("gives", {}).items():
            assert _at(answer, path) == value, (name, path, answer)


async def _answered(
    session: aiohttp.ClientSession, address: str, step: dict[str, Any], known: dict[str, Any]
) -> dict[str, Any]:
    """Ask again where another write came between, as the API says: messages are marked as indexed meanwhile."""
    for _ in range(ATTEMPTS):
        answer = await _asked(session, address, step, known)
        if answer["status"] != CONFLICT or answer["body"]["code"] != "conflict":
            return answer
    raise AssertionError(step["step"])


async def _asked(
    session: aiohttp.ClientSession, address: str, step: dict[str, Any], known: dict[str, Any]
) -> dict[str, Any]:
    method, path = _filled(step["call"], known).split(" ")
    content = step.get("content")
    body: dict[str, Any] = {}
    if content is not None:
        body = {"data": (content["text"] * content["times"]).encode()}
    elif "body" in step:
        body = {"json": _filled(step["body"], known)}
    headers = _filled(step.get("headers", {}), known)
    async with session.request(method, address + path, headers=headers, **body) as response:
        data = await response.read()
        is_json = "json" in response.headers.get("Content-Type", "")
        digest = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        return {
            "status": response.status,
            "headers": {name.lower(): value for name, value in response.headers.items()},
            "body": json.loads(data) if is_json else digest,
        }


def _filled(value: Any, known: dict[str, Any]) -> Any:
    """Return a value with the names in angles replaced: by values where they stand alone, else by texts."""
    match value:
        case str():
            whole = _NAMED.fullmatch(value)
            return known[whole[1]] if whole else _NAMED.sub(lambda found: known[found[1]], value)
        case list():
            return [_filled(each, known) for each in value]
        case dict():
            return {name: _filled(each, known) for name, each in value.items()}
        case _:
            return value


def _at(answer: Any, path: str) -> Any:
    def inside(value: Any, name: str) -> Any:
        return value[int(name)] if isinstance(value, list) else value[name]

    return reduce(inside, path.split("."), answer)
