"""The seam between SQLAlchemy's elements and a driver that takes text with numbered parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import DDL, ExecutableDDLElement, Table
from sqlalchemy.sql import ClauseElement

PERCENT: Final = "\0"
"""Stands for a percent sign in an identifier or a literal, where no NUL can be."""


class _Identifiers(postgresql.base.PGIdentifierPreparer):
    """Keep SQLAlchemy from taking an identifier such as `%(p0)s` for a parameter when it numbers them."""

    def _escape_identifier(self, value: str) -> str:
        return super()._escape_identifier(value).replace("%", PERCENT)


class _Literals(postgresql.base.PGCompiler):
    """Keep it from taking a literal for one as well: a column's name is both."""

    def render_literal_value(self, value: Any, type_: Any) -> str:
        text = super().render_literal_value(value, type_)  # type: ignore[no-untyped-call]
        return str(text).replace("%", PERCENT)


class _Dialect(postgresql.dialect):  # type: ignore[misc, valid-type]
    preparer = _Identifiers
    statement_compiler = _Literals
    supports_statement_cache = False


_POSTGRESQL: Final = _Dialect(paramstyle="numeric_dollar")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """SQL text and the names of its parameters, $1 first."""

    text: str
    names: tuple[str, ...]

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the values in the order of the parameters."""
        return [values[name] for name in self.names]


def compiled(element: ClauseElement) -> Statement:
    """Return a Core element as text for PostgreSQL: identifiers quoted, values left as parameters."""
    rendered = element.compile(dialect=_POSTGRESQL)
    constants = rendered.params
    names = tuple(getattr(rendered, "positiontup", None) or ())
    unnamed = [name for name in names if constants.get(name) is not None]
    if unnamed:
        raise ValueError(f"values {unnamed} would be frozen into a statement that is kept")
    return Statement(text=_finished(str(rendered)), names=names)


def on_table(template: str, table: Table, **names: str) -> str:
    """Return a fixed definition with the quoted name of a table for `%(fullname)s`, and others by theirs."""
    quoted = {place: _POSTGRESQL.identifier_preparer.quote(name) for place, name in names.items()}
    return definition(DDL(template, context=quoted).against(table))  # type: ignore[no-untyped-call]


def definition(element: ExecutableDDLElement) -> str:
    """Return a definition (DDL) as text for PostgreSQL."""
    return _finished(str(element.compile(dialect=_POSTGRESQL)))


def _finished(text: str) -> str:
    return text.replace(PERCENT, "%")
