"""The one setting that says which database stands behind the repositories."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from adapters import registry
from adapters.database import Database
from adapters.entities.entity import EntityMap
from adapters.postgresql.database import PostgresDatabase
from adapters.postgresql.gateway import CONNECTIONS, NO_MAPS
from adapters.sqlite.adapter import SqliteSettings
from comparators.errors import SettingsError


def database_for(
    url: str,
    *,
    entities: Mapping[str, EntityMap] = NO_MAPS,
    connections: int = CONNECTIONS,
) -> AbstractAsyncContextManager[Database]:
    """Return the database at a URL; it connects when first used, and closes at the end.

    `entities` are the maps of collections to tables, where the database has tables. Raises SettingsError for a scheme
    that no adapter of a database has.
    """
    if entities and urlsplit(url).scheme in registry.GATEWAY_SCHEMES:
        return PostgresDatabase(url, connections=connections, entities=entities)
    return registry.database_for(url, connections=connections)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variables:
    """How the variables of a database begin, and what its URL is made of."""

    beginning: str
    scheme: str
    port: str
    encrypted: str


_SQL: Final[Mapping[str, _Variables]] = {
    "postgresql": _Variables(
        beginning="POSTGRES", scheme="postgresql", port="5432", encrypted="sslmode=require"
    ),
    "mysql": _Variables(
        beginning="MYSQL", scheme="mysql", port="3306", encrypted="ssl-mode=REQUIRED"
    ),
}


def url_from(environment: Mapping[str, str]) -> str:
    """Return the URL that LibreChat's variables name: `DATABASE_TYPE`, and `MONGO_URI` or `POSTGRES_HOST` and so on.

    `SQLITE_PATH` is ours. Raises SettingsError where the type is another, or its address is missing.
    """
    kind = environment.get("DATABASE_TYPE", "mongodb")
    if kind == "mongodb":
        return _needed(environment, "MONGO_URI")
    if kind == "sqlite":
        return SqliteSettings(path=Path(_needed(environment, "SQLITE_PATH"))).url()
    if kind not in _SQL:
        raise SettingsError(
            f"DATABASE_TYPE is {kind!r}",
            where="environment",
            remedy=f"use one of: mongodb, {', '.join(_SQL)}, sqlite",
        )
    return _url_of(environment, _SQL[kind])


def _url_of(environment: Mapping[str, str], variables: _Variables) -> str:
    def given(name: str, default: str = "") -> str:
        return environment.get(f"{variables.beginning}_{name}", default)

    user, password = given("USERNAME"), given("PASSWORD")
    secret = f":{quote(password, safe='')}" if password else ""
    access = f"{quote(user, safe='')}{secret}@" if user else ""
    host = _needed(environment, f"{variables.beginning}_HOST")
    port = given("PORT", variables.port)
    encrypted = f"?{variables.encrypted}" if given("SSL").lower() == "true" else ""
    database = quote(given("DATABASE", "librechat"), safe="")
    return f"{variables.scheme}://{access}{host}:{port}/{database}{encrypted}"


def _needed(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise SettingsError(f"{name} is not set", where="environment", remedy=f"set {name}")
    return value
