"""The seam between the tables of documents and one SQL database.

A database behind repositories is written as one object that fulfils `Dialect`, and an adapter that opens
`adapters.tables.database.TablesDatabase(url, dialect, connections=…)`. Everything else is shared: operations
(`adapters/operations`), plans and keys (`adapters/sql`), tables, catalog and transactions (this package). The
statements are SQLAlchemy Core elements, which its dialect of the same database writes. What the tables ask of a database:

* transactions with savepoints, in which a refused statement undoes only itself;
* bytes that are compared byte by byte, up to `KEY_BYTES` of them in a primary key or unique index;
* that no statement beside those of `TABLES` defines anything: collections and indexes of MongoDB are rows, for there are
  databases in which a definition commits.

An adapter claims the capabilities that it has; an operation without a counterpart is an UnsupportedError in every
dialect alike, since the operations decide it.
"""

from collections.abc import Hashable, Sequence
from typing import Any, Final, Protocol

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import TypeEngine

KEY_BYTES: Final = 1900
"""The longest key of an `_id` or of a unique entry (`adapters/sql/keys.py`): its exact part and a hash."""

WRITES: Final = "parallax_writes"
"""The execution option of a connection whose next transaction will write."""


class Dialect(Hashable, Protocol):
    """What one SQL database does in its own way."""

    title: str
    """The name for people."""

    key_type: TypeEngine[bytes]
    """Bytes up to KEY_BYTES, compared one by one."""

    document_type: TypeEngine[bytes]
    """Bytes up to 16 MiB."""

    body_type: TypeEngine[str] | None
    """JSON as text, for `text_at` and the like; None where documents are not narrowed by what they hold."""

    deepest: int
    """How deep the documents and arrays of a body may be nested; what is deeper is left to the residual."""

    locks_rows: bool
    """Whether several transactions write at once, so that a row has to be locked before it is written."""

    name_type: TypeEngine[str]
    """Names of databases, collections and indexes, up to 255 characters, of which no two different ones are equal."""

    def engine(self, url: str, *, connections: int) -> AsyncEngine:
        """Return an engine that connects when first used.

        Its connections begin a transaction at `begin()`: one that has the execution option WRITES takes what it needs to
        write at once, any other reads one state. Either waits a bounded time for others.
        """

    def peer_of(self, url: str) -> str:
        """Return what a URL leads to, without anything secret."""

    def is_conflict(self, error: DBAPIError) -> bool:
        """Return whether the transaction met another one, and a second try may well succeed."""

    def is_away(self, error: DBAPIError) -> bool:
        """Return whether the database does not answer now and may again."""

    def refusal(self, error: DBAPIError, peer: str) -> Exception | None:
        """Return what an error is for the operator to mend, or for whoever set a time; None for any other."""

    def text_at(self, body: ColumnElement[Any], path: Sequence[str]) -> ColumnElement[Any]:
        """Return the string at a path of the body, compared byte by byte; whatever it likes for other values."""

    def number_at(self, body: ColumnElement[Any], path: Sequence[str]) -> ColumnElement[Any]:
        """Return the number at a path of the body; whatever it likes for other values."""

    def is_array_at(self, body: ColumnElement[Any], path: Sequence[str]) -> ColumnElement[bool]:
        """Return whether there is an array at a path of the body."""
