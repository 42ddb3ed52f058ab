"""`parallax schema`: the tables of mapped collections, as their maps want them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Annotated, Final, TypeVar

import typer

from adapters.postgresql.schema.schema import Schema
from adapters.postgresql.schema.steps import SchemaPlan
from comparators.errors import SettingsError
from proxy.cli import options
from proxy.cli.maps import maps_of
from proxy.settings import Settings

SCHEMA: Final = typer.Typer(
    help="Show and make the tables of mapped collections, while they are used.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Result = TypeVar("Result")
Move = Callable[[Schema, str, str], Awaitable[None]]
Databases = Annotated[
    list[str] | None,
    typer.Option("--database", help="Only this database (again for more).", metavar="NAME"),
]
Collection = Annotated[
    str, typer.Argument(help="The collection, as `database.collection`.", metavar="COLLECTION")
]


@SCHEMA.command("plan")
def plan(
    config: options.Config = None,
    gateway: options.Gateway = None,
    entities: options.Entities = None,
    database: Databases = None,
) -> None:
    """Show the SQL that would make the tables as the maps want them; changes nothing."""
    settings = options.settings_of(config, gateway=gateway, entities=entities)
    _print(_with_schema(settings, lambda schema: schema.plan(database or ())))


@SCHEMA.command("check")
def check(
    config: options.Config = None,
    gateway: options.Gateway = None,
    entities: options.Entities = None,
    database: Databases = None,
) -> int:
    """Say what differs between tables and maps; ends with 1 when something does."""
    settings = options.settings_of(config, gateway=gateway, entities=entities)
    found = _with_schema(settings, lambda schema: schema.plan(database or ()))
    for line in _summary(found):
        typer.echo(line)
    return 0 if found.is_empty else 1


@SCHEMA.command("apply")
def apply(
    config: options.Config = None,
    gateway: options.Gateway = None,
    entities: options.Entities = None,
    database: Databases = None,
    *,
    allow_destructive: Annotated[
        bool,
        typer.Option("--allow-destructive", help="Also what leaves SQL less to read than before."),
    ] = False,
) -> None:
    """Make the tables as the maps want them, while they are used."""
    settings = options.settings_of(config, gateway=gateway, entities=entities)

    async def work(schema: Schema) -> SchemaPlan:
        return await schema.apply(database or (), allow_destructive=allow_destructive)

    _print(_with_schema(settings, work))


@SCHEMA.command("promote")
def promote(
    collection: Collection,
    config: options.Config = None,
    gateway: options.Gateway = None,
    entities: options.Entities = None,
) -> None:
    """Move a collection from a table of documents to the table of its map, while it is used."""
    settings = options.settings_of(config, gateway=gateway, entities=entities)
    _move(settings, collection, Schema.promote, "the table of its map")


@SCHEMA.command("demote")
def demote(
    collection: Collection,
    config: options.Config = None,
    gateway: options.Gateway = None,
    entities: options.Entities = None,
) -> None:
    """Move a collection back to a table of documents, while it is used."""
    settings = options.settings_of(config, gateway=gateway, entities=entities)
    _move(settings, collection, Schema.demote, "a table of documents")


def _move(settings: Settings, collection: str, move: Move, where: str) -> None:
    database, name = _parts(collection)
    _with_schema(settings, lambda schema: move(schema, database, name))
    typer.echo(f"{collection} lives in {where}")


def _with_schema(settings: Settings, work: Callable[[Schema], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        async with Schema(settings.demand("gateway.uri"), maps_of(settings)) as schema:
            return await work(schema)

    return asyncio.run(run())


def _parts(namespace: str) -> tuple[str, str]:
    database, dot, collection = namespace.partition(".")
    if not dot or not database or not collection:
        raise SettingsError(
            f"{namespace!r} is no collection",
            where="COLLECTION",
            remedy="write the database, a dot and the collection, as in shop.orders",
        )
    return database, collection


def _print(plan: SchemaPlan) -> None:
    for step in plan.steps:
        lossy = ", DESTRUCTIVE" if step.destructive else ""
        typer.echo(f"-- {step.database}.{step.collection}: {step.what} ({step.kind.value}{lossy})")
        for statement in step.statements:
            typer.echo(f"{statement.strip()};")
    for line in _notes(plan):
        typer.echo(f"-- {line}")


def _summary(plan: SchemaPlan) -> Iterator[str]:
    for step in plan.steps:
        yield f"{step.database}.{step.collection}: {step.what}"
    yield from _notes(plan)
    if plan.is_empty:
        yield "tables and maps agree"


def _notes(plan: SchemaPlan) -> Iterator[str]:
    yield from plan.notes
    for database, name in plan.stale:
        yield f"{database}.{name}: the map has changed, its rows need not"
