import pytest

from comparators.errors import SettingsError
from proxy.ledger.engine import ledger_url, reading_engine, shown_url


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:///a.sqlite", "sqlite+aiosqlite"),
        ("postgresql://u:p@h/d", "postgresql+asyncpg"),
        ("postgres://u:p@h/d", "postgresql+asyncpg"),
        ("postgresql+psycopg://u:p@h/d", "postgresql+asyncpg"),
    ],
)
def test_urls_get_the_driver_that_parallax_uses(url: str, driver: str) -> None:
    assert ledger_url(url).drivername == driver


@pytest.mark.parametrize("url", ["mysql://u@h/d", "no url", "", "sqlite://", "sqlite:///:memory:"])
def test_any_other_database_is_a_settings_error(url: str) -> None:
    with pytest.raises(SettingsError, match="SQLite or PostgreSQL"):
        reading_engine(url)


def test_a_url_is_shown_without_its_password() -> None:
    assert "secret" not in shown_url("postgresql://user:secret@host/database")
