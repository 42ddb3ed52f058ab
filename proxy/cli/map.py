"""`parallax map`: make entity maps, hold them against data, and show what they do."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from bson import json_util

from adapters.entities.checks import check_profile
from adapters.entities.drift import Fit, FitOf
from adapters.entities.entity import EntityMap
from adapters.entities.evidence import Sample
from adapters.entities.explanation import explain_document
from adapters.entities.files import Comments, toml_of
from adapters.entities.inference import propose
from adapters.entities.mongoose.conversion import entities_of, place_of
from adapters.entities.mongoose.models import read_models
from adapters.entities.mongoose.overlay import read_overlay
from adapters.entities.notation import JSON
from adapters.entities.profile import SUFFIX
from adapters.postgresql.explanation import explain_command
from adapters.postgresql.schema.schema import Schema
from adapters.postgresql.schema.steps import SchemaPlan
from adapters.query.failures import CommandFailure
from comparators.errors import CapacityError, SettingsError
from proxy.cli import options
from proxy.cli.fits import fit_lines
from proxy.cli.maps import map_for, maps_of
from proxy.cli.source import source_of
from proxy.settings import Settings

MAP: Final = typer.Typer(
    help="Make entity maps, hold them against data, and show what they do.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
OVERLAY: Final = ".overlay.toml"


@MAP.callback()
def _group() -> None:
    """Keep the name of a command even where it is the only one."""


@MAP.command("from-mongoose")
def from_mongoose(
    models: Annotated[Path, typer.Argument(help="The exported models, JSON.", metavar="MODELS")],
    *,
    out: Annotated[Path, typer.Option("--out", help="The folder of the maps.", metavar="DIR")],
    overlay: Annotated[
        Path | None,
        typer.Option("--overlay", help="What the models do not tell (else DIR.overlay.toml)."),
    ] = None,
) -> None:
    """Make the maps of a Mongoose application from its exported models."""
    beside = out.with_name(out.name + OVERLAY)
    added = overlay or (beside if beside.exists() else None)
    exported = read_models(models)
    entities = {
        entity.collection: entity
        for entity in entities_of(exported, {} if added is None else read_overlay(added))
    }
    check_profile(entities, {model.collection: place_of(model) for model in exported})
    note = "Made by `parallax map from-mongoose`"
    if added is not None:
        note += f"; what the models do not tell stands in {added.name}"
    for entity in entities.values():
        write_map(out, entity, {(): [f"{note}."]})
    typer.echo(f"{len(entities)} maps in {out}")
    known = {f"{collection}{SUFFIX}" for collection in entities}
    for path in sorted(out.glob(f"*{SUFFIX}")):
        if path.name not in known:
            typer.echo(f"not from these models: {path}")


@MAP.command("infer")
def infer(
    namespace: Annotated[
        str, typer.Argument(help="The collection, as `database.collection`.", metavar="COLLECTION")
    ],
    config: options.Config = None,
    legacy: options.Legacy = None,
    *,
    sample: Annotated[int, typer.Option("--sample", help="How many documents to look at.")] = 1000,
    child: Annotated[
        list[str] | None,
        typer.Option("--child", help="The path of an array that shall have a child table."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder of the map (else print it).")
    ] = None,
) -> None:
    """Propose a map for a collection from a sample of it, with the evidence for each choice."""
    settings = options.settings_of(config, legacy=legacy)
    seen, indexes = asyncio.run(_seen(settings.demand("legacy.uri"), namespace, sample))
    proposal = propose(namespace.partition(".")[2], seen, indexes, child or ())
    if out is None:
        typer.echo(toml_of(proposal.entity, proposal.comments), nl=False)
    else:
        typer.echo(write_map(out, proposal.entity, proposal.comments))


async def _seen(uri: str, namespace: str, size: int) -> tuple[Sample, list[Mapping[str, Any]]]:
    sample = Sample()
    async with source_of(uri, namespace) as source:
        async for document in source.sample(size):
            sample.add(document)
        return sample, await source.indexes()


@MAP.command("check")
def check(
    namespaces: Annotated[
        list[str],
        typer.Argument(help="Collections, as `database.collection`.", metavar="COLLECTION..."),
    ],
    config: options.Config = None,
    legacy: options.Legacy = None,
    gateway: options.Gateway = None,
    entities: options.Entities = None,
    *,
    sample: Annotated[int, typer.Option("--sample", help="How many documents to look at.")] = 1000,
) -> int:
    """Hold maps against data, and tables where there is a gateway; ends with 1 when one does not fit."""
    settings = options.settings_of(config, legacy=legacy, gateway=gateway, entities=entities)
    maps = maps_of(settings)
    uri = settings.demand("legacy.uri")
    fits = {}
    for namespace in namespaces:
        entity = map_for(namespace.partition(".")[2], maps)
        fits[namespace] = asyncio.run(_fit(uri, namespace, entity, sample))
    for line in fit_lines(fits):
        typer.echo(line)
    differing = _differing(settings, maps, namespaces) if settings.gateway.uri else []
    for line in differing:
        typer.echo(line)
    return 1 if differing or any(fit.drifting for fit in fits.values()) else 0


def _differing(
    settings: Settings, maps: Mapping[str, EntityMap], namespaces: Sequence[str]
) -> list[str]:
    """Return how the tables of collections differ from their maps."""

    async def planned() -> SchemaPlan:
        async with Schema(settings.demand("gateway.uri"), maps) as schema:
            return await schema.plan({namespace.partition(".")[0] for namespace in namespaces})

    plan = asyncio.run(planned())
    lines = [f"{step.database}.{step.collection}: {step.what}" for step in plan.steps]
    lines += [f"{database}.{name}: the table follows another map" for database, name in plan.stale]
    return [line for line in lines if line.partition(": ")[0] in namespaces]


async def _fit(uri: str, namespace: str, entity: EntityMap, size: int) -> Fit:
    counted = FitOf(entity)
    async with source_of(uri, namespace) as source:
        async for document in source.sample(size):
            counted.add(document)
    return counted.fit


@MAP.command("explain")
def explain(
    namespace: Annotated[
        str, typer.Argument(help="The collection, as `database.collection`.", metavar="COLLECTION")
    ],
    config: options.Config = None,
    entities: options.Entities = None,
    *,
    document: Annotated[
        Path | None, typer.Option("--document", help="A file with a document, extended JSON.")
    ] = None,
    query: Annotated[
        str | None, typer.Option("--filter", help="The filter of a find, extended JSON.")
    ] = None,
    sort: Annotated[str, typer.Option("--sort", help="Its sort.")] = "{}",
    skip: Annotated[int, typer.Option("--skip", help="Its skip.")] = 0,
    limit: Annotated[int | None, typer.Option("--limit", help="Its limit.")] = None,
    command: Annotated[
        str | None,
        typer.Option(
            "--command", help="A whole command, extended JSON: find, count, aggregate, update …"
        ),
    ] = None,
) -> None:
    """Show where the fields of a document lie, and how a command is run: SQL, residual, why."""
    maps = maps_of(options.settings_of(config, entities=entities))
    database, _, collection = namespace.partition(".")
    if document is not None:
        read = json_of("--document", document.read_text(encoding="utf-8"))
        for line in explain_document(map_for(collection, maps), read):
            typer.echo(line)
    asked = []
    if query is not None:
        found = {"filter": json_of("--filter", query), "sort": json_of("--sort", sort)}
        cut = {"skip": skip, "limit": limit or 0}
        asked.append({"find": collection, **found, **cut})
    if command is not None:
        asked.append(json_of("--command", command))
    for each in asked:
        try:
            explained = explain_command(database, collection, maps.get(collection), each)
        except CommandFailure as failure:
            raise SettingsError(
                f"MongoDB refuses this with code {failure.code}",
                where="--filter, --sort, --command",
                remedy="correct the operators that it names",
            ) from failure
        typer.echo(explained)


def json_of(where: str, text: str) -> dict[str, Any]:
    """Return the document of an extended JSON text; SettingsError for any other text."""
    try:
        found = json_util.loads(text, json_options=JSON)
    except (ValueError, TypeError) as wrong:
        raise SettingsError(
            f"this is not extended JSON: {type(wrong).__name__}",
            where=where,
            remedy='write a document, as in {"_id": {"$oid": "…"}}',
        ) from wrong
    if not isinstance(found, dict):
        raise SettingsError("this is no document", where=where, remedy="write it in { }")
    return found


def write_map(folder: Path, entity: EntityMap, comments: Comments) -> Path:
    """Write a map into a folder; CapacityError if that fails."""
    path = folder / f"{entity.collection}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(toml_of(entity, comments), encoding="utf-8")
    except OSError as error:
        raise CapacityError(
            f"the map cannot be written: {error.strerror}",
            where=str(path),
            remedy="name a folder this user may write to with --out",
        ) from error
    return path
