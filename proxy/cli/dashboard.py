"""`parallax dashboard`: the evidence as it grows, as a page for this machine, or for whoever knows the token."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Final

import typer
from aiohttp import web

from comparators.errors import RefusedError, SettingsError
from comparators.rules import Rule, Rules
from dashboards.live.entrance import is_loopback
from dashboards.live.overview import Phases, in_shadow
from dashboards.live.server import application, serve
from proxy.cli import options
from proxy.cli.acting import Acting
from proxy.cli.ending import cancelled_by_signals, run_until_cancelled
from proxy.cli.telling import telling
from proxy.declared_rule import rules_text
from proxy.flags.document import said
from proxy.flags.file import read_flags
from proxy.flags.phases import Direction
from proxy.marked_rules import NOBODY, declared_by
from proxy.settings import Settings
from proxy.tracing.stints import Stints
from proxy.uris import address_of

PROVIDED: Final = "as the provider says"


def dashboard(
    config: options.Config = None,
    legacy: options.Legacy = None,
    gateway: options.Gateway = None,
    data: options.DataDirectory = None,
    ledger: options.Ledger = None,
    rules: options.Rules = None,
) -> None:
    """Serve a page that shows the evidence as it grows."""
    settings = options.settings_of(
        config, legacy=legacy, gateway=gateway, data=data, ledger=ledger, rules=rules
    )
    with telling(settings, part="dashboard") as stints:
        run_until_cancelled(served(settings, stints))


async def served(settings: Settings, stints: Stints) -> None:
    """Serve until terminated."""
    address = address_of(settings.dashboard.address)
    token = settings.dashboard.token
    if not token and not is_loopback(address.host):
        raise RefusedError(
            f"the page asks for no password, so that only this machine may see it, not {address.host}",
            where="dashboard.address",
            remedy="set `dashboard.token`, or listen on 127.0.0.1 and reach it through a tunnel",
        )
    app = pages(settings, stints)
    typer.echo(f"dashboard: http://{settings.dashboard.address}/")
    with cancelled_by_signals():
        try:
            await serve(app, host=address.host, port=address.port)
        except OSError as error:
            raise SettingsError(
                f"the page cannot be served at {settings.dashboard.address}: {error.strerror}",
                where="dashboard.address",
                remedy="name a free address",
            ) from error


def pages(settings: Settings, stints: Stints | None = None) -> web.Application:
    """Return the pages, for this machine alone or for whoever knows the token; `stints` tells of what is done there in traces."""
    return application(
        settings.ledger_uri,
        gates=settings.gates,
        declared=_declared(settings.rules_file),
        declared_by=_declared_by(settings.rules_file),
        phases=_phases(settings),
        token=settings.dashboard.token,
        actions=Acting(settings, stints),
    )


def _declared(file: Path) -> Callable[[], Sequence[Rule]]:
    """Return what gives the rules of a file; while it is broken, those that it held before."""
    # A rule that has expired still tells who answered for what it excused.
    last = Rules.load(file, date.min).rules

    def now() -> Sequence[Rule]:
        nonlocal last
        with suppress(SettingsError):  # the verifier says so, and the page shows it
            last = Rules.load(file, date.min).rules
        return last

    return now


def _declared_by(file: Path) -> Callable[[], Mapping[str, str]]:
    """Return what gives who declared which rule on the page; nobody while the file cannot be read."""

    def now() -> Mapping[str, str]:
        with suppress(SettingsError):  # the verifier says so, and the page shows it
            return declared_by(rules_text(file))
        return NOBODY

    return now


def _phases(settings: Settings) -> Phases:
    """Return what tells what the flags say; a file that is broken says what it said before, as for the relay."""
    file = settings.flags_file
    if file is None and not settings.flags.provider:
        return in_shadow
    if file is None:
        return lambda namespaces: dict.fromkeys(namespaces, (PROVIDED, PROVIDED))
    last = read_flags(file)

    def now(namespaces: Iterable[str]) -> Mapping[str, tuple[str, str]]:
        nonlocal last
        with suppress(SettingsError):  # the relay says so
            last = read_flags(file)
        return {
            each: (str(said(last, Direction.READS, each)), str(said(last, Direction.WRITES, each)))
            for each in namespaces
        }

    return now
