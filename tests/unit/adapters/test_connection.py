from pathlib import Path

import pytest
from pydantic import ValidationError
from pymongo.uri_parser import parse_uri

from adapters.connection import AdapterSettings, Tls, peer_of
from adapters.meilisearch.adapter import MeilisearchSettings
from adapters.mongodb.adapter import MongoSettings
from adapters.mysql.adapter import MysqlSettings
from adapters.postgresql.adapter import PostgresSettings
from adapters.redis.adapter import RedisSettings
from adapters.sqlite.adapter import SqliteSettings

PASSWORD = "p@ss/wörd?&:"  # what a URL must not take for its own


def test_a_password_reaches_the_driver_as_it_is() -> None:
    settings = MongoSettings.model_validate(
        {"user": "ada", "password": PASSWORD, "database": "chat", "replica_set": "rs0"}
    )

    parsed = parse_uri(settings.url())

    assert (parsed["username"], parsed["password"]) == ("ada", PASSWORD)
    assert parsed["database"] == "chat"
    assert parsed["options"]["replicaSet"] == "rs0"
    assert parsed["options"]["authSource"] == "admin"


def test_a_password_is_not_shown() -> None:
    settings = PostgresSettings.model_validate({"password": PASSWORD})

    assert PASSWORD not in repr(settings)


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (PostgresSettings(), "postgresql://127.0.0.1:5432/"),
        (
            PostgresSettings(host="::1", tls=Tls.VERIFIED),
            "postgresql://[::1]:5432/?sslmode=verify-full",
        ),
        (
            PostgresSettings(tls=Tls.REQUIRED, ca=Path("/ca.pem")),
            "postgresql://127.0.0.1:5432/?sslmode=require&sslrootcert=%2Fca.pem",
        ),
        (
            RedisSettings(tls=Tls.VERIFIED, connections=3, database="2"),
            "rediss://127.0.0.1:6379/2?max_connections=3&socket_connect_timeout=10.0",
        ),
        (
            MysqlSettings(host="db", tls=Tls.VERIFIED, ca=Path("/ca.pem"), database="chat"),
            "mysql://db:3306/chat?connect-timeout=10000&ssl-mode=VERIFY_IDENTITY&ssl-ca=%2Fca.pem",
        ),
        (SqliteSettings(path=Path("/var/lib/chat 1.db")), "sqlite:////var/lib/chat%201.db"),
        (MeilisearchSettings(tls=Tls.VERIFIED), "meilisearch://127.0.0.1:7700/?tls=verified"),
    ],
)
def test_urls(settings: AdapterSettings, url: str) -> None:
    assert settings.url() == url


@pytest.mark.parametrize("wrong", [{"port": 0}, {"prot": 1}, {"connections": 0}, {"tls": "maybe"}])
def test_a_wrong_setting_is_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        PostgresSettings.model_validate(wrong)


def test_a_peer_is_named_without_credentials() -> None:
    assert peer_of("mongodb://ada:secret@db:1/x", 27017) == "db:1"
    assert peer_of("mongodb://db/x", 27017) == "db:27017"
