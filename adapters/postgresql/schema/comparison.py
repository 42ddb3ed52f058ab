"""What differs between the tables that maps ask for and those that there are: Alembic's comparison, as steps.

Columns and indexes that somebody has added are none of our business. Nothing that waits long for a lock is done in a
transaction: indexes are made concurrently, and what rows must fulfil is declared first and validated afterwards.
Source: Alembic documentation, "Auto Generating Migrations"; PostgreSQL manual, "ALTER TABLE", "CREATE INDEX".
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, Final

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations
from alembic.migration import MigrationContext
from alembic.operations import Operations, ops
from sqlalchemy.schema import AddConstraint, CreateIndex, DropIndex

from adapters.entities.entity import EntityMap
from adapters.postgresql.schema.steps import SchemaPlan, Step, StepKind
from adapters.postgresql.tables import schema_name
from adapters.sql.dialect import definition, on_table
from adapters.sql.mapped_table import NotEnforced, family_of, mapped_tables
from adapters.sql.names import named
from adapters.sql.native_index import BY, forget, native_index

NOT_ENFORCED_SINCE: Final = 18
"""The version from which PostgreSQL knows of foreign keys that it does not check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The tables that the maps of one database ask for. `declared` are the indexes made at run time."""

    database: str
    entities: Mapping[str, EntityMap]
    declared: Mapping[str, Sequence[Mapping[str, Any]]]

    def tables(self, *, major: int) -> dict[str, sa.Table]:
        """Return the tables by collection, with their keys and indexes."""
        schema = schema_name(self.database)
        tables = mapped_tables(self.entities, schema=schema, space=sa.MetaData())
        for name, table in tables.items():
            entity = self.entities[name]
            of_map = [index.specification for index in entity.indexes]
            add_indexes(entity, table, [*of_map, *self.declared.get(name, ())])
            for each in family_of(table) if major < NOT_ENFORCED_SINCE else ():
                each.constraints -= {
                    key for key in each.constraints if isinstance(key, NotEnforced)
                }
        return tables


def add_indexes(
    entity: EntityMap, table: sa.Table, specifications: Sequence[Mapping[str, Any]]
) -> None:
    """Add the indexes on columns for specifications to a table, each once."""
    names = {index.name for each in family_of(table) for index in each.indexes}
    for specification in specifications:
        index = native_index(entity, table, specification)
        if index is not None and index.name in names:
            forget(index)
        elif index is not None:
            names.add(index.name)


def compare(connection: sa.Connection, wanted: Wanted) -> SchemaPlan:
    """Return what differs, with the statements that make it as wanted."""
    major = int((connection.dialect.server_version_info or (0,))[0])
    tables = wanted.tables(major=major)
    if not tables:
        return SchemaPlan()
    owners = {
        each.name: (name, each) for name, table in tables.items() for each in family_of(table)
    }
    found = _Found(wanted, owners)
    found.take_invalid(_invalid(connection, schema_name(wanted.database)))
    for operation in _operations(connection, [table for _name, table in owners.values()]):
        found.take(operation)
    return SchemaPlan(steps=tuple(found.steps), notes=tuple(found.notes))


def _operations(
    connection: sa.Connection, tables: Sequence[sa.Table]
) -> Iterator[ops.MigrateOperation]:
    space, schema = tables[0].metadata, tables[0].schema
    names = {table.name for table in tables}

    def is_ours(name: str | None, kind: str, _parents: Any) -> bool:
        if kind == "schema":
            return name == schema
        return kind != "table" or name in names

    context = MigrationContext.configure(
        connection,
        opts={
            "include_schemas": True,
            "include_name": is_ours,
            "compare_type": True,
            "compare_server_default": True,
            "target_metadata": space,
        },
    )
    with warnings.catch_warnings():
        # PostgreSQL spells generated columns in its own way; when they change, the maps tell.
        warnings.filterwarnings("ignore", "Computed default on", UserWarning)
        script = produce_migrations(context, space)
    for group in script.upgrade_ops_list:
        for operation in group.ops:
            yield from operation.ops if isinstance(operation, ops.ModifyTableOps) else [operation]


def _invalid(connection: sa.Connection, schema: str) -> set[str]:
    """Return the indexes that a failure has left behind half-made."""
    classes = sa.table(
        "pg_class", sa.column("oid"), sa.column("relname"), sa.column("relnamespace")
    )
    indexes = sa.table("pg_index", sa.column("indexrelid"), sa.column("indisvalid"))
    spaces = sa.table("pg_namespace", sa.column("oid"), sa.column("nspname"))
    statement = (
        sa.select(classes.c.relname)
        .join(indexes, indexes.c.indexrelid == classes.c.oid)
        .join(spaces, spaces.c.oid == classes.c.relnamespace)
        .where(spaces.c.nspname == schema, sa.not_(indexes.c.indisvalid))
    )
    return set(connection.scalars(statement))


class _Found:
    """Turns Alembic's operations into steps."""

    def __init__(self, wanted: Wanted, tables: Mapping[str, tuple[str, sa.Table]]) -> None:
        self._database = wanted.database
        self._tables = tables
        self.steps: list[Step] = []
        self.notes: list[str] = []
        self._takers: dict[type, Callable[[Any], None]] = {
            ops.CreateIndexOp: self._create_index,
            ops.DropIndexOp: self._drop_index,
            ops.CreateForeignKeyOp: self._create_key,
            ops.DropConstraintOp: self._drop_constraint,
            ops.DropColumnOp: self._drop_column,
            ops.AddColumnOp: self._add_column,
            ops.AlterColumnOp: self._alter_column,
        }

    def take(self, operation: ops.MigrateOperation) -> None:
        """Add the step for an operation."""
        take = self._takers.get(type(operation), self._anything)
        take(operation)

    def take_invalid(self, names: set[str]) -> None:
        """Add the steps for indexes that are there and of no use."""
        for name, (_collection, table) in self._tables.items():
            for index in sorted(table.indexes, key=lambda each: str(each.name)):
                if index.name in names:
                    self._add(
                        name, f"index {index.name} is half-made", StepKind.ALONE, *_remade(index)
                    )

    def _create_index(self, operation: ops.CreateIndexOp) -> None:
        _collection, table = self._tables[operation.table_name]
        index = next(each for each in table.indexes if each.name == operation.index_name)
        what = f"index {index.name} is missing"
        self._add(operation.table_name, what, StepKind.ALONE, _created(index))

    def _drop_index(self, operation: ops.DropIndexOp) -> None:
        table = str(operation.table_name)
        if not str(operation.index_name).startswith(named(table, BY)):
            self.notes.append(f"{self._database}.{table}: index {operation.index_name} is no map's")
            return
        index = sa.Index(str(operation.index_name), self._tables[table][1].c["_overflow"])
        forget(index)
        what = f"index {index.name} is asked for no more"
        self._add(table, what, StepKind.ALONE, _dropped(index))

    def _create_key(self, operation: ops.CreateForeignKeyOp) -> None:
        _collection, table = self._tables[operation.source_table]
        key = next(
            each for each in table.foreign_key_constraints if each.name == operation.constraint_name
        )
        what = f"foreign key {key.name} is missing"
        if isinstance(key, NotEnforced):
            self._add(table.name, what, StepKind.TOGETHER, definition(AddConstraint(key)))
            return
        key.dialect_options["postgresql"]["not_valid"] = True
        self._add(table.name, what, StepKind.TOGETHER, definition(AddConstraint(key)))
        validated = on_table(
            "ALTER TABLE %(fullname)s VALIDATE CONSTRAINT %(key)s", table, key=str(key.name)
        )
        self._add(table.name, f"{what}: its rows", StepKind.ALONE, validated)

    def _drop_constraint(self, operation: ops.DropConstraintOp) -> None:
        table, name = operation.table_name, str(operation.constraint_name)
        if name.startswith(named(table, "")):
            self._add(
                table,
                f"constraint {name} is asked for no more",
                StepKind.TOGETHER,
                *_sql_of(operation),
            )
        else:
            self.notes.append(f"{self._database}.{table}: constraint {name} is no map's")

    def _drop_column(self, operation: ops.DropColumnOp) -> None:
        column = f"{self._database}.{operation.table_name}.{operation.column_name}"
        self.notes.append(f"{column} is no map's; documents do not have it")

    def _add_column(self, operation: ops.AddColumnOp) -> None:
        what = f"column {operation.column.name} is missing: somebody has dropped it"
        self._add(operation.table_name, what, StepKind.TOGETHER, *_sql_of(operation))

    def _alter_column(self, operation: ops.AlterColumnOp) -> None:
        destructive = operation.modify_type is not None
        what = f"column {operation.column_name} has another {'type' if destructive else 'default'}"
        self._add(
            operation.table_name,
            what,
            StepKind.TOGETHER,
            *_sql_of(operation),
            destructive=destructive,
        )

    def _anything(self, operation: ops.MigrateOperation) -> None:
        table = str(getattr(operation, "table_name", "") or getattr(operation, "source_table", ""))
        what = " ".join(str(part) for part in operation.to_diff_tuple()[:1])
        self._add(table, what.replace("_", " "), StepKind.TOGETHER, *_sql_of(operation))

    def _add(
        self, table: str, what: str, kind: StepKind, *statements: str, destructive: bool = False
    ) -> None:
        self.steps.append(
            Step(
                database=self._database,
                collection=self._tables[table][0],
                what=what,
                kind=kind,
                statements=statements,
                destructive=destructive,
            )
        )


def _created(index: sa.Index) -> str:
    index.dialect_options["postgresql"]["concurrently"] = True
    return definition(CreateIndex(index))


def _dropped(index: sa.Index) -> str:
    index.dialect_options["postgresql"]["concurrently"] = True
    return definition(DropIndex(index, if_exists=True))


def _remade(index: sa.Index) -> tuple[str, str]:
    return _dropped(index), _created(index)


def _sql_of(operation: ops.MigrateOperation) -> tuple[str, ...]:
    """Return the SQL by which Alembic carries an operation out."""
    written = StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": written}
    )
    Operations(context).invoke(operation)
    return tuple(part.strip() for part in written.getvalue().split(";\n\n") if part.strip())
