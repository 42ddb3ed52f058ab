"""`parallax compose`: a file for Docker Compose with the servers that were chosen."""

from pathlib import Path
from typing import Annotated

import typer

from adapters.composing import composition
from adapters.registry import adapter
from comparators.errors import CapacityError, RefusedError, SettingsError


def compose(
    chosen: Annotated[
        list[str], typer.Argument(help="Adapters, as `adapters ls` names them.", metavar="NAME...")
    ],
    *,
    out: Annotated[Path | None, typer.Option("--out", help="Else it is printed.")] = None,
    project: Annotated[str, typer.Option("--project", help="The name of it all.")] = "parallax",
    force: Annotated[bool, typer.Option("--force", help="Over a file that is there.")] = False,
) -> None:
    """Write a compose file for the servers of the adapters that are named."""
    found = [adapter(name) for name in dict.fromkeys(chosen)]
    if all(each.package is None for each in found):
        raise SettingsError(
            f"no server has to run for {', '.join(each.title for each in found)}",
            where="NAME",
            remedy="name an adapter of a server as well: `parallax adapters ls`",
        )
    text = composition(found, name=project)
    if out is None:
        typer.echo(text, nl=False)
        return
    if out.exists() and not force:
        raise RefusedError("the file is there", where=str(out), remedy="name another, or --force")
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CapacityError(
            f"the file cannot be written: {error.strerror}",
            where=str(out),
            remedy="name a place this user may write to",
        ) from error
    typer.echo(f"{out}: {', '.join(chosen)}")
