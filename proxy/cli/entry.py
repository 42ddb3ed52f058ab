"""`parallax`: the command line, and how it ends.

Exit codes: 0, 1 and 2 belong to verdicts (pass, fail, inconclusive); errors end with those of
sysexits(3): 64 for wrong usage, 70 for a bug, the others in `comparators.errors`.
"""

import sys
from importlib.metadata import version
from typing import Annotated, Final

import click
import structlog
import typer

from comparators.errors import ParallaxError
from proxy.cli import demo, doctor, report, serve, status, verify

EX_USAGE: Final = 64
EX_SOFTWARE: Final = 70
INTERRUPTED: Final = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("serve")(serve.serve)
app.command("verify")(verify.verify)
app.command("status")(status.status)
app.command("report")(report.report)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)


def _print_version(wanted: bool) -> None:
    """Print the installed version and end, before any other option is read."""
    if wanted:
        typer.echo(f"parallax {version('parallax')}")
        raise typer.Exit


@app.callback()
def parallax(
    *,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Prove a database migration before anyone depends on it."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command and return its exit code."""
    try:
        code = app(arguments, prog_name="parallax", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return EX_USAGE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except ParallaxError as error:
        return _explain(error)
    except ExceptionGroup as group:
        return _explain_group(group)
    except Exception:  # noqa: BLE001 - one of the four doors
        structlog.get_logger().exception("bug")
        return EX_SOFTWARE
    return code if isinstance(code, int) else 0


def _explain(error: ParallaxError) -> int:
    """Print what happened, where, and what to do about it."""
    typer.secho(f"error: {error.what}", err=True, fg="red")
    typer.echo(f"  where: {error.where}", err=True)
    typer.echo(f"  remedy: {error.remedy}", err=True)
    for note in getattr(error, "__notes__", ()):
        typer.echo(f"  note: {note}", err=True)
    return error.exit_code


def _explain_group(group: ExceptionGroup[Exception]) -> int:
    """Explain the first foreseen error of a task group; anything else is a bug."""
    foreseen, rest = group.split(ParallaxError)
    if rest is not None:
        structlog.get_logger().error("bug", exc_info=rest)
        return EX_SOFTWARE
    error: BaseException | None = foreseen
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ParallaxError):
        return _explain(error)
    return EX_SOFTWARE
