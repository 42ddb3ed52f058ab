"""`parallax map`: make entity maps, hold them against data, and show what they do."""

from pathlib import Path
from typing import Annotated, Final

import typer

from adapters.entities.checks import check_profile
from adapters.entities.entity import EntityMap
from adapters.entities.files import toml_of
from adapters.entities.mongoose.conversion import entities_of, place_of
from adapters.entities.mongoose.models import read_models
from adapters.entities.mongoose.overlay import read_overlay
from adapters.entities.profile import SUFFIX
from comparators.errors import CapacityError

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
        write_map(out, entity, f"{note}.")
    typer.echo(f"{len(entities)} maps in {out}")
    known = {f"{collection}{SUFFIX}" for collection in entities}
    for path in sorted(out.glob(f"*{SUFFIX}")):
        if path.name not in known:
            typer.echo(f"not from these models: {path}")


def write_map(folder: Path, entity: EntityMap, *notes: str) -> Path:
    """Write a map into a folder, below some notes; CapacityError if that fails."""
    path = folder / f"{entity.collection}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(toml_of(entity, {(): notes}), encoding="utf-8")
    except OSError as error:
        raise CapacityError(
            f"the map cannot be written: {error.strerror}",
            where=str(path),
            remedy="name a folder this user may write to with --out",
        ) from error
    return path
