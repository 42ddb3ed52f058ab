"""MySQL and MariaDB behind the tables of documents, through asyncmy.

Source: MariaDB documentation, "SET TRANSACTION", "innodb_snapshot_isolation", "JSON Functions"; MySQL manual, "InnoDB Limits".
"""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.mysql import LONGBLOB, LONGTEXT, VARBINARY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from adapters.mysql.connecting import engine_of, peer
from adapters.mysql.failures import AWAY, CONFLICTS, code_of, refusal
from adapters.tables.dialect import KEY_BYTES
from comparators.errors import SettingsError

NAME_BYTES: Final = 1020
"""Of 255 characters. With a key and a number it fits the 3072 bytes of an index."""
NUMBERS: Final = ("INTEGER", "UNSIGNED INTEGER", "DOUBLE", "DECIMAL")
_ONE: Final[ColumnElement[float]] = sa.literal_column("1e0", sa.Double())


class Name(TypeDecorator[str]):
    """Text that is compared byte by byte: MySQL's collations take blanks at the end, or cases, for the same."""

    impl = VARBINARY
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> Any:  # noqa: ARG002 - of the interface
        return None if value is None else value.encode()

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> str | None:  # noqa: ARG002 - of the interface
        return None if value is None else bytes(value).decode()


class MysqlDialect:
    """Fulfil `Dialect` for MySQL and MariaDB."""

    title: str = "MySQL"
    key_type: TypeEngine[bytes] = VARBINARY(KEY_BYTES)
    document_type: TypeEngine[bytes] = LONGBLOB()
    body_type: TypeEngine[str] | None = LONGTEXT(charset="utf8mb4", collation="utf8mb4_bin")
    # MariaDB finds nothing at all in a JSON with more than 32 levels.
    deepest: int = 30
    locks_rows: bool = True
    name_type: TypeEngine[str] = Name(NAME_BYTES)

    def engine(self, url: str, *, connections: int) -> AsyncEngine:
        engine = engine_of(url, connections=connections)
        if not engine.url.database:
            raise SettingsError(
                "the URL of MySQL names no database",
                where=peer(url),
                remedy="name one behind the port; it is to exist",
            )
        return engine

    def peer_of(self, url: str) -> str:
        return peer(url)

    def is_conflict(self, error: DBAPIError) -> bool:
        return code_of(error) in CONFLICTS

    def is_away(self, error: DBAPIError) -> bool:
        return code_of(error) in AWAY

    def refusal(self, error: DBAPIError, peer: str) -> Exception | None:
        return refusal(error, peer)

    def text_at(self, body: ColumnElement[Any], path: Sequence[str]) -> ColumnElement[Any]:
        text = sa.func.json_unquote(_at(body, path))
        return sa.type_coerce(sa.cast(text, sa.BINARY), Name())

    def number_at(self, body: ColumnElement[Any], path: Sequence[str]) -> ColumnElement[Any]:
        # A text that is made a number is worth a warning, which would quote it.
        found = _at(body, path)
        return sa.case((sa.func.json_type(found).in_(NUMBERS), _ONE * found))

    def is_array_at(self, body: ColumnElement[Any], path: Sequence[str]) -> ColumnElement[bool]:
        return sa.func.json_type(_at(body, path), type_=sa.Text()) == "ARRAY"


MYSQL: Final = MysqlDialect()


def _at(body: ColumnElement[Any], path: Sequence[str]) -> ColumnElement[Any]:
    steps = "".join(f'."{name}"' for name in path)
    return sa.func.json_extract(body, f"${steps}", type_=sa.Double())
