from pathlib import Path

import pytest

from adapters import registry
from adapters.adapter import Capability, Role
from adapters.postgresql.gateway import PostgresGateway
from adapters.registry import adapter, adapter_of, adapters, database_for, gateway_for, names
from comparators.errors import SettingsError


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
async def test_the_scheme_chooses_the_gateway(scheme: str) -> None:
    opened = gateway_for(f"{scheme}://user@localhost/database", connections=1)

    assert isinstance(opened, PostgresGateway)


def test_a_scheme_that_can_be_no_gateway_names_those_that_can() -> None:
    with pytest.raises(SettingsError, match="mysql") as error:
        gateway_for("mysql://localhost", connections=1)

    assert "postgresql" in error.value.remedy


def test_ours_are_found_through_their_entry_points() -> None:
    found = {each.name: each for each in adapters()}

    assert found.keys() >= {"meilisearch", "mongodb", "mysql", "postgresql", "redis", "sqlite"}
    assert Capability.CHANGE_STREAMS in found["mongodb"].capabilities
    assert {each.name for each in found.values() if each.role is Role.DATABASE} == {
        each.name for each in found.values() if each.open is not None
    }


def test_a_url_finds_its_adapter() -> None:
    assert adapter_of("postgres://localhost").name == "postgresql"
    assert adapter_of("mongodb+srv://cluster.example").name == "mongodb"


def test_unknown_names_and_schemes_are_told_with_those_that_there_are() -> None:
    with pytest.raises(SettingsError, match="oracle") as by_name:
        adapter("oracle")
    with pytest.raises(SettingsError, match="oracle") as by_scheme:
        adapter_of("oracle://localhost")

    assert "postgresql" in by_name.value.remedy
    assert "mongodb+srv" in by_scheme.value.remedy


def test_a_cache_is_no_database() -> None:
    with pytest.raises(SettingsError, match="Redis is no database"):
        database_for("redis://localhost", connections=1)


@pytest.fixture
def other_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a package with an adapter, one that is none, and one that is not there."""
    information = tmp_path / "other-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        f"[{registry.GROUP}]\nother = other_adapter:ADAPTER\nnone = other_adapter:NONE\nabsent = other_absent:X\n"
    )
    (tmp_path / "other_adapter.py").write_text(
        "from dataclasses import replace\n"
        "from adapters.postgresql.adapter import ADAPTER as OURS\n"
        "ADAPTER = replace(OURS, name='other', schemes=('other',))\nNONE = 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("other_package")
def test_another_package_brings_an_adapter() -> None:
    assert "other" in names()
    assert adapter_of("other://localhost").name == "other"
    assert database_for("other://localhost/x", connections=1) is not None


@pytest.mark.usefixtures("other_package")
@pytest.mark.parametrize("name", ["none", "absent"])
def test_an_adapter_that_cannot_be_loaded_is_told_with_its_package(name: str) -> None:
    with pytest.raises(SettingsError, match=name) as error:
        adapter(name)

    assert "other" in error.value.where


def test_the_page_on_adapters_says_what_they_can() -> None:
    page = (Path(__file__).parents[3] / "docs" / "adapters.md").read_text()
    ours = {"meilisearch", "mongodb", "mysql", "postgresql", "redis", "sqlite"}

    rows = [
        f"| `{each.name}` | {each.role} | {', '.join(sorted(each.capabilities))} |"
        for each in adapters()
        if each.name in ours
    ]

    assert [row for row in page.splitlines() if row.startswith("| `")] == rows
