"""`parallax`: the command line, and how it ends.

Exit codes: 0, 1 and 2 belong to verdicts (pass, fail, inconclusive); errors end with those of
sysexits(3): 64 for wrong usage, 70 for a bug, the others in `comparators.errors`.
"""

from collections.abc import Sequence
from typing import Annotated, Final

import typer

from comparators.errors import ParallaxError
from proxy.cli.collection import resume_garbage_collection
from proxy.cli.commands import COMMANDS, asked_for

EX_USAGE: Final = 64
EX_SOFTWARE: Final = 70
INTERRUPTED: Final = 130

UsageError: Final[type[Exception]] = typer.BadParameter.__bases__[0]
"""What typer raises for a command line that it cannot read; it carries a copy of click of its own, and names only this."""


def application(arguments: Sequence[str]) -> typer.Typer:
    """Return the command line: the command that is asked for, and the names of all others."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(parallax)
    wanted = asked_for(arguments)
    for name, command in COMMANDS.items():
        if name == wanted:
            loaded = command.load()
            if isinstance(loaded, typer.Typer):
                app.add_typer(loaded, name=name)
            else:
                app.command(name)(loaded)
        else:
            app.command(name, help=command.summary)(_not_asked_for)
    return app


def _not_asked_for() -> None:
    """Stand in for a command that `arguments` do not name: it is listed, and cannot be reached."""


def _print_version(wanted: bool) -> None:
    """Print the installed version and end, before any other option is read."""
    if wanted:
        from importlib.metadata import version

        typer.echo(f"parallax {version('parallax')}")
        raise typer.Exit


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


def run(arguments: list[str]) -> int:
    """Run a command and return its exit code."""
    try:
        app = application(arguments)
        resume_garbage_collection()
        code = app(arguments, prog_name="parallax", standalone_mode=False)
    except UsageError as error:
        return _explain_usage(error)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except ParallaxError as error:
        return _explain(error)
    except ExceptionGroup as group:
        return _explain_group(group)
    except Exception as error:  # noqa: BLE001 - one of the four doors
        return _report_bug(error)
    return code if isinstance(code, int) else 0


def _explain_usage(error: Exception) -> int:
    """Print how the command is used and what is wrong with the one given; all the help for an empty one."""
    context = getattr(error, "ctx", None)
    message = getattr(error, "format_message", error.__str__)()
    usage = (
        "Usage: parallax [OPTIONS] COMMAND [ARGS]..." if context is None else context.get_usage()
    )
    if context is not None and message == context.get_help():
        typer.echo(message, err=True)
        return EX_USAGE
    typer.echo(usage, err=True)
    typer.secho(f"error: {message}", err=True, fg="red")
    return EX_USAGE


def _report_bug(error: BaseException) -> int:
    """Log a bug by its frames alone: messages and local variables may hold documents and passwords."""
    # Only here: whatever logs has loaded it already, and nothing else needs it.
    import structlog

    from proxy.settings_sections import LogFormat, LogLevel
    from proxy.telemetry import configure_logging

    if not structlog.is_configured():
        configure_logging(LogLevel.INFO, LogFormat.CONSOLE, part="command")
    structlog.get_logger().error("bug", exc_info=error)
    return EX_SOFTWARE


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
        return _report_bug(rest)
    error: BaseException | None = foreseen
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ParallaxError):
        return _explain(error)
    return EX_SOFTWARE
