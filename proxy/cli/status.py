"""`parallax status`: how it stands, on one screen, and the health check of a container."""

import asyncio
import time
from typing import Annotated, Final

import typer
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from rich.console import Console
from rich.table import Table

from comparators.errors import UnreachableError
from comparators.verdict import Verdict
from proxy.cli import options
from proxy.cli.relay_status import RelayStatus, read_status
from proxy.ledger.evidence import Quantiles, Status
from proxy.ledger.read import status as read_ledger
from proxy.uris import address_of

_HEALTH_TIMEOUT_MS: Final = 2_000


def status(
    config: options.Config = None,
    listen: options.Listen = None,
    data: options.DataDirectory = None,
    ledger: options.Ledger = None,
    *,
    health: Annotated[
        bool, typer.Option("--health", help="Only ask the relay for `hello`; print nothing.")
    ] = False,
) -> int:
    """Show verdicts, lag and latency; with --health, end with 0 when the relay answers."""
    settings = options.settings_of(config, listen=listen, data=data, ledger=ledger)
    if health:
        _say_hello(settings.listen.address)
        return 0
    found = asyncio.run(read_ledger(settings.ledger_uri))
    console = Console()
    console.print(_overview(found, read_status(settings.data_directory)))
    return 0


def _say_hello(address: str) -> None:
    where = address_of(address)
    host = "127.0.0.1" if where.host in {"0.0.0.0", "::", ""} else where.host  # noqa: S104 - compared, not bound
    client: MongoClient[dict[str, object]] = MongoClient(
        host, where.port, directConnection=True, serverSelectionTimeoutMS=_HEALTH_TIMEOUT_MS
    )
    try:
        client.admin.command("hello")
    except PyMongoError as error:
        raise UnreachableError(
            "the relay does not answer `hello`",
            where=address,
            remedy="see the log of `parallax serve`; is MongoDB reachable from there?",
        ) from error
    finally:
        client.close()


def _overview(found: Status, relay: RelayStatus | None) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    table.add_row("evidence", f"{found.conclusion.result.value}")
    for reason in found.conclusion.reasons:
        table.add_row("", reason)
    table.add_row("relay", _relay_line(relay))
    for beat in found.heartbeats:
        age_s = (time.time_ns() - beat.at_ns) / 1e9
        table.add_row(
            beat.part,
            f"wrote {age_s:.1f} s ago; lag {beat.lag_operations} operations, "
            f"{beat.lag_s:.1f} s, {beat.lag_bytes} bytes",
        )
    tally = found.tally
    table.add_row("verified", f"{tally.verified} of {tally.seen} seen, {tally.dropped} dropped")
    table.add_row("states", f"{tally.states_compared} stored documents compared after writes")
    for verdict in Verdict:
        count = tally.verdicts.get(verdict, 0)
        if count:
            table.add_row("", f"{verdict.value} {count}")
    for name in ("legacy", "gateway", "overhead"):
        table.add_row(f"{name} latency", _quantiles(getattr(found.latency, name)))
    return table


def _relay_line(relay: RelayStatus | None) -> str:
    if relay is None:
        return "has never run with this data directory"
    state = "runs" if relay.is_alive else f"silent for {relay.age_s:.0f} s"
    capture = relay.counts["capture"]
    return (
        f"{state} (pid {relay.pid}), {relay.counts['connections_open']} connections, "
        f"log {capture['bytes']} bytes ({capture['state']}), "
        f"{capture['dropped_reads']} reads dropped, {capture['lost_writes']} writes lost"
    )


def _quantiles(quantiles: Quantiles | None) -> str:
    if quantiles is None:
        return "nothing timed in the last minutes"
    return (
        f"p50 {quantiles.p50_s * 1e3:.3f} ms, p95 {quantiles.p95_s * 1e3:.3f} ms, "
        f"p99 {quantiles.p99_s * 1e3:.3f} ms"
    )
