"""`parallax`: the command line."""

from importlib.metadata import version
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False)


def _print_version(wanted: bool) -> None:
    """Print the installed version and end, before any other option is read."""
    if wanted:
        typer.echo(f"parallax {version('parallax')}")
        raise typer.Exit


@app.callback()
def parallax(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Prove a database migration before anyone depends on it."""


def main() -> None:
    """Run the command line."""
    app()
