"""`parallax map`: make entity maps, hold them against data, and show what they do."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from adapters.entities.checks import check_profile
from adapters.entities.drift import Fit, FitOf
from adapters.entities.entity import EntityMap
from adapters.entities.evidence import Sample
from adapters.entities.files import Comments, toml_of
from adapters.entities.inference import propose
from adapters.entities.mongoose.conversion import entities_of, place_of
from adapters.entities.mongoose.models import read_models
from adapters.entities.mongoose.overlay import read_overlay
from adapters.entities.profile import SUFFIX
from comparators.errors import CapacityError
from proxy.cli import options
from proxy.cli.fits import fit_lines
from proxy.cli.maps import map_for, maps_of
from proxy.cli.source import source_of

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
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder of the map (else print it).")
    ] = None,
) -> None:
    """Propose a map for a collection from a sample of it, with the evidence for each choice."""
    settings = options.settings_of(config, legacy=legacy)
    seen, indexes = asyncio.run(_seen(settings.demand("legacy.uri"), namespace, sample))
    proposal = propose(namespace.partition(".")[2], seen, indexes)
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
    entities: options.Entities = None,
    *,
    sample: Annotated[int, typer.Option("--sample", help="How many documents to look at.")] = 1000,
) -> int:
    """Hold maps against a sample of the data; ends with 1 when a document would drift."""
    settings = options.settings_of(config, legacy=legacy, entities=entities)
    maps = maps_of(settings)
    uri = settings.demand("legacy.uri")
    fits = {}
    for namespace in namespaces:
        entity = map_for(namespace.partition(".")[2], maps)
        fits[namespace] = asyncio.run(_fit(uri, namespace, entity, sample))
    for line in fit_lines(fits):
        typer.echo(line)
    return 1 if any(fit.drifting for fit in fits.values()) else 0


async def _fit(uri: str, namespace: str, entity: EntityMap, size: int) -> Fit:
    counted = FitOf(entity)
    async with source_of(uri, namespace) as source:
        async for document in source.sample(size):
            counted.add(document)
    return counted.fit


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
