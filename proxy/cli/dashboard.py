"""`parallax dashboard`: the evidence as it grows, as a page for this machine, or for whoever knows the token."""

from datetime import date

import typer

from comparators.errors import RefusedError, SettingsError
from comparators.rules import Rules
from dashboards.live.entrance import is_loopback
from dashboards.live.server import application, serve
from proxy.cli import options
from proxy.cli.acting import Acting
from proxy.cli.ending import cancelled_by_signals, run_until_cancelled
from proxy.settings import Settings
from proxy.uris import address_of


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
    run_until_cancelled(served(settings))


async def served(settings: Settings) -> None:
    """Serve until terminated."""
    address = address_of(settings.dashboard.address)
    token = settings.dashboard.token
    if not token and not is_loopback(address.host):
        raise RefusedError(
            f"the page asks for no password, so that only this machine may see it, not {address.host}",
            where="dashboard.address",
            remedy="set `dashboard.token`, or listen on 127.0.0.1 and reach it through a tunnel",
        )
    # A rule that has expired still tells who answered for what it excused.
    declared = Rules.load(settings.rules_file, date.min).rules
    app = application(
        settings.ledger_uri,
        gates=settings.gates,
        declared=declared,
        token=token,
        actions=Acting(settings),
    )
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
