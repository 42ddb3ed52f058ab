import pytest

from adapters.mongodb.database import MongoDatabase
from adapters.repositories.databases import database_for, url_from
from comparators.errors import SettingsError


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({"MONGO_URI": "mongodb://db/LibreChat"}, "mongodb://db/LibreChat"),
        (
            {"DATABASE_TYPE": "mongodb", "MONGO_URI": "mongodb://db", "POSTGRES_HOST": "x"},
            "mongodb://db",
        ),
        (
            {"DATABASE_TYPE": "sqlite", "SQLITE_PATH": "/var/lib/chat.db"},
            "sqlite:////var/lib/chat.db",
        ),
        (
            {"DATABASE_TYPE": "postgresql", "POSTGRES_HOST": "db"},
            "postgresql://db:5432/librechat",
        ),
        (
            {
                "DATABASE_TYPE": "postgresql",
                "POSTGRES_HOST": "db",
                "POSTGRES_PORT": "5433",
                "POSTGRES_DATABASE": "chat",
                "POSTGRES_USERNAME": "ada",
                "POSTGRES_PASSWORD": "a@b/c",
                "POSTGRES_SSL": "true",
            },
            "postgresql://ada:a%40b%2Fc@db:5433/chat?sslmode=require",
        ),
        (
            {"DATABASE_TYPE": "mysql", "MYSQL_HOST": "db", "MYSQL_SSL": "true"},
            "mysql://db:3306/librechat?ssl-mode=REQUIRED",
        ),
    ],
)
def test_the_variables_of_librechat_name_a_database(environment: dict[str, str], url: str) -> None:
    assert url_from(environment) == url


@pytest.mark.parametrize(
    "environment", [{}, {"DATABASE_TYPE": "oracle"}, {"DATABASE_TYPE": "postgresql"}]
)
def test_a_missing_variable_is_named(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"DATABASE_TYPE|MONGO_URI|POSTGRES_HOST"):
        url_from(environment)


def test_a_url_tells_the_kind_of_database() -> None:
    assert isinstance(database_for("mongodb://localhost"), MongoDatabase)
    with pytest.raises(SettingsError, match="nowhere"):
        database_for("nowhere://localhost")
