"""The tables of an entity map as SQLAlchemy elements: what the gateway reads and what `parallax schema` makes.

Columns stand in this order: primary key, the columns of the map, full-text columns, and what keeps a document
exact. Text compares by bytes, as in MongoDB. No constraint refuses a document: a value that would violate a
check or a length never comes to its column.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, DOMAIN, JSONB, REGCONFIG, TSVECTOR, array
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.compiler import DDLCompiler
from sqlalchemy.types import TypeEngine

from adapters.entities.entity import Child, Column, ColumnType, EntityMap, FullText, IdentityType
from adapters.sql.names import named

BY_BYTES: Final = "C"
CHILDREN: Final = "children"
"""Under this name a table knows its child tables."""


class _BytesDomain(DOMAIN):
    """A domain over bytes, which compares as bytes do."""

    operator_classes = BYTEA.operator_classes


OBJECTID: Final = _BytesDomain("objectid", BYTEA, schema="parallax", create_type=False)
TOAST_BEYOND: Final = 8160
"""Rows up to a page stay whole: reading a document of usual size costs one heap access."""

SEARCHED_CHARACTERS: Final = 200_000
"""A `tsvector` has room for a megabyte; text beyond is not searched."""

SQL_TYPES: Final[Mapping[ColumnType, Callable[[Column], TypeEngine[Any]]]] = {
    ColumnType.TEXT: lambda _column: sa.Text(collation=BY_BYTES),
    ColumnType.VARCHAR: lambda column: sa.String(column.length, collation=BY_BYTES),
    ColumnType.INTEGER: lambda _column: sa.Integer(),
    ColumnType.BIGINT: lambda _column: sa.BigInteger(),
    ColumnType.DOUBLE: lambda _column: sa.Double(),
    ColumnType.NUMERIC: lambda _column: sa.Numeric(),
    ColumnType.BOOLEAN: lambda _column: sa.Boolean(),
    ColumnType.TIMESTAMPTZ: lambda _column: sa.DateTime(timezone=True),
    ColumnType.UUID: lambda _column: sa.Uuid(),
    ColumnType.OBJECTID: lambda _column: OBJECTID,
    ColumnType.BYTEA: lambda _column: BYTEA(),
    ColumnType.JSONB: lambda _column: JSONB(),
}
IDENTITY_TYPES: Final[Mapping[IdentityType, TypeEngine[Any]]] = {
    IdentityType.OBJECTID: OBJECTID,
    IdentityType.TEXT: sa.Text(collation=BY_BYTES),
    IdentityType.KEY: BYTEA(),
}


def mapped_tables(
    entities: Mapping[str, EntityMap], *, schema: str, space: sa.MetaData
) -> dict[str, sa.Table]:
    """Return the tables of maps by collection, with the foreign keys between them."""
    tables = {
        name: mapped_table(entity, schema=schema, space=space) for name, entity in entities.items()
    }
    for name, entity in entities.items():
        table = tables[name]
        columns = (entity.columns, *(child.columns for child in entity.children))
        for each, of_table in zip(family_of(table), columns, strict=True):
            for key in _foreign_keys(each, of_table, tables):
                each.append_constraint(key)
    return tables


def child_tables(table: sa.FromClause) -> Mapping[str, sa.Table]:
    """Return the child tables of the table of a map, or of an alias of it, by their names."""
    original = table.element if isinstance(table, sa.Alias) else table
    if not isinstance(original, sa.Table):
        raise TypeError("only the table of a map has child tables")
    found: Mapping[str, sa.Table] = original.info[CHILDREN]
    return found


def family_of(table: sa.Table) -> tuple[sa.Table, ...]:
    """Return the table of a map, and behind it its child tables."""
    return (table, *child_tables(table).values())


def goes_with(child: sa.Table, row: sa.FromClause) -> ColumnElement[bool]:
    """Return whether a row of a child table is of an element of the document of a row."""
    owner, _position = child.primary_key.columns
    [key] = owner.foreign_keys
    return owner == row.c[key.column.name]


def mapped_table(entity: EntityMap, *, schema: str, space: sa.MetaData | None = None) -> sa.Table:
    """Return the table of a map in a schema, with the indexes that every mapped table has, and its child tables.

    References and the indexes that the map declares are not part of it.
    """
    identity = sa.Column(entity.identity.name, IDENTITY_TYPES[entity.identity.type], nullable=False)
    columns = [_column(column) for column in entity.columns]
    table = sa.Table(
        entity.table,
        space if space is not None else sa.MetaData(),
        identity,
        *columns,
        *(_full_text(each) for each in entity.full_text),
        sa.Column("_ordinal", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column(entity.layout_column, sa.BigInteger, key="_layout"),
        sa.Column("_overflow", BYTEA),
        sa.Column("_nulls", ARRAY(sa.Text)),
        sa.Column("_drift", ARRAY(sa.Text)),
        # The version of a row; no column that anybody could make.
        sa.Column("xmin", sa.BigInteger, system=True),
        sa.PrimaryKeyConstraint(identity, name=named(entity.table, "id")),
        *_checks(entity.table, entity.columns, columns),
        schema=schema,
        comment=entity.about or None,
        postgresql_with={"toast_tuple_target": TOAST_BEYOND},
    )
    sa.Index(named(entity.table, "ordinal"), table.c["_ordinal"])
    sa.Index(
        named(entity.table, "drift"),
        table.c["_drift"],
        postgresql_using="gin",
        postgresql_where=table.c["_drift"].is_not(None),
    )
    for each in entity.full_text:
        words = named(entity.table, f"{each.name}~words")
        sa.Index(words, table.c[each.name], postgresql_using="gin")
    table.info[CHILDREN] = {
        child.table: _child_table(child, entity, table) for child in entity.children
    }
    return table


def _child_table(child: Child, entity: EntityMap, parent: sa.Table) -> sa.Table:
    """Return the table of the elements of an array, which go with the row whose elements they are."""
    identity = parent.c[entity.identity.name]
    owner = sa.Column(child.parent, IDENTITY_TYPES[entity.identity.type], nullable=False)
    position = sa.Column(child.position, sa.Integer, nullable=False)
    columns = [_column(column) for column in child.columns]
    return sa.Table(
        child.table,
        parent.metadata,
        owner,
        position,
        *columns,
        sa.Column("_layout", sa.BigInteger),
        sa.Column("_overflow", BYTEA),
        sa.Column("_nulls", ARRAY(sa.Text)),
        sa.Column("_drift", ARRAY(sa.Text)),
        sa.PrimaryKeyConstraint(owner, position, name=named(child.table, "id")),
        sa.ForeignKeyConstraint(
            [owner], [identity], name=named(child.table, "parent"), ondelete="CASCADE"
        ),
        *_checks(child.table, child.columns, columns),
        schema=parent.schema,
        comment=f"The elements of `{'.'.join(child.path)}` in {entity.table}.",
        postgresql_with={"toast_tuple_target": TOAST_BEYOND},
    )


def sql_type(column: Column) -> TypeEngine[Any]:
    """Return the type of a column."""
    if not column.array:
        return SQL_TYPES[column.type](column)
    if column.type in {ColumnType.TEXT, ColumnType.VARCHAR}:
        # Elements are compared for equality only; SQLAlchemy would say COLLATE twice.
        return ARRAY(sa.String(column.length) if column.length else sa.Text())
    return ARRAY(SQL_TYPES[column.type](column))


def _column(column: Column) -> sa.Column[Any]:
    kind = sql_type(column)
    default: ColumnElement[Any] | None = None
    if column.default is not None:
        default = sa.literal(str(column.default), sa.Text)
        if column.type not in {ColumnType.TEXT, ColumnType.VARCHAR}:
            default = sa.cast(default, kind)
    return sa.Column(column.name, kind, server_default=default)


def _checks(
    table: str, columns: Sequence[Column], elements: Sequence[sa.Column[Any]]
) -> Iterator[sa.CheckConstraint]:
    for column, element in zip(columns, elements, strict=True):
        if column.allowed:
            yield _check(table, column, element)


def _check(table: str, column: Column, element: sa.Column[Any]) -> sa.CheckConstraint:
    among = [sa.literal(text, sa.Text) for text in column.allowed]
    kept: ColumnElement[bool]
    if column.array:
        kept = element.op("<@", is_comparison=True)(sa.cast(array(among), element.type))
    else:
        kept = element.in_(among)
    return sa.CheckConstraint(kept, name=named(table, f"{column.name}~allowed"))


def _full_text(declared: FullText) -> sa.Column[Any]:
    """Return a generated column over the beginnings of texts, each with its weight."""
    language = sa.cast(sa.literal(declared.language, sa.Text), REGCONFIG)
    longest: ColumnElement[int] = sa.literal_column(
        str(SEARCHED_CHARACTERS // max(len(declared.weights), 1))
    )
    parts = [
        sa.func.setweight(
            sa.func.to_tsvector(
                language,
                sa.func.left(sa.func.coalesce(sa.column(name), sa.literal("", sa.Text)), longest),
            ),
            sa.literal(weight, sa.Text),
        )
        for name, weight in declared.weights.items()
    ]
    whole: ColumnElement[Any] = parts[0]
    for part in parts[1:]:
        whole = whole.op("||")(part)
    return sa.Column(declared.name, TSVECTOR, sa.Computed(whole, persisted=True))


class NotEnforced(sa.ForeignKeyConstraint):
    """A foreign key that PostgreSQL knows of and does not check: MongoDB enforces none."""


@compiles(NotEnforced, "postgresql")
def _not_enforced(element: NotEnforced, compiler: DDLCompiler, **options: Any) -> str:
    return f"{compiler.visit_foreign_key_constraint(element, **options)} NOT ENFORCED"


def _foreign_keys(
    table: sa.Table, columns: Sequence[Column], tables: Mapping[str, sa.Table]
) -> Iterator[sa.ForeignKeyConstraint]:
    for column in columns:
        reference = column.reference
        target = None if reference is None else tables.get(reference.collection)
        if reference is None or target is None or column.array:
            continue
        kind = sa.ForeignKeyConstraint if reference.enforced else NotEnforced
        yield kind(
            [table.c[column.name]],
            [target.c[reference.column]],
            name=named(table.name, f"{column.name}~key"),
        )
