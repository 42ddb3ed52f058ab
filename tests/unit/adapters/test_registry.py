import pytest

from adapters.postgresql.gateway import PostgresGateway
from adapters.registry import gateway_for
from comparators.errors import SettingsError


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
async def test_the_scheme_chooses_the_adapter(scheme: str) -> None:
    opened = gateway_for(f"{scheme}://user@localhost/database", connections=1)

    assert isinstance(opened, PostgresGateway)


def test_an_unknown_scheme_names_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="mysql") as error:
        gateway_for("mysql://localhost", connections=1)

    assert "postgresql" in error.value.remedy
