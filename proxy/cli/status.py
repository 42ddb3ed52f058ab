"""`parallax status`: how it stands, on one screen, and the health check of a container."""

import asyncio
from collections.abc import Iterator
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from comparators.errors import UnreachableError
from comparators.verdict import Verdict
from proxy.cli import options
from proxy.cli.cutover_told import cutover_lines
from proxy.cli.relay_status import STALE_S, RelayStatus, read_status
from proxy.ledger.engine import NoLedgerError
from proxy.ledger.evidence import Heartbeat, Quantiles, Status, SweepEvidence
from proxy.ledger.facts import Standing
from proxy.ledger.read import CollectionGates, Result, read_standing
from proxy.ledger.read import status as read_ledger
from proxy.settings import Settings
from proxy.uris import address_of

_HEALTH_TIMEOUT_MS: Final = 2_000
_MINUTE_S: Final = 60


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
    relay = read_status(settings.data_directory)
    try:
        found = asyncio.run(_read(settings))
    except NoLedgerError:
        if relay is None:
            raise
        found = None
    Console().print(_overview(found, relay))
    return 0


async def _read(settings: Settings) -> tuple[Status, Standing]:
    return (
        await read_ledger(settings.ledger_uri),
        await read_standing(settings.ledger_uri, settings.gates),
    )


def _say_hello(address: str) -> None:
    # Only here: who looks at the evidence needs no driver.
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

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


def _overview(found: tuple[Status, Standing] | None, relay: RelayStatus | None) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    lines = _no_evidence() if found is None else _ledger_lines(*found)
    for name, line in (*_relay_lines(relay), *lines):
        table.add_row(name, Text(line))
    return table


def _relay_lines(relay: RelayStatus | None) -> Iterator[tuple[str, str]]:
    if relay is None:
        yield "relay", "has never run with this data directory"
        return
    if relay.is_alive:
        primary = relay.counts["primary"] or "no primary"
        connections = _n(relay.counts["connections_open"], "connection")
        yield "relay", f"runs (pid {relay.pid}), {connections}, MongoDB at {primary}"
    else:
        yield "relay", f"silent for {_duration(relay.age_s)}: stopped, or no room for its status"
    capture = relay.counts["capture"]
    reads, writes = _n(capture["dropped_reads"], "read"), _n(capture["lost_writes"], "write")
    stands = f"{capture['state']}, {_bytes(capture['bytes'])}"
    yield "capture log", f"{stands}; {reads} dropped, {writes} lost"
    if relay.counts["reads_off"]:
        off = _n(relay.counts["reads_off"], "read")
        yield "flags", f"{off} not captured since the relay began: their collections are `off`"
    yield from cutover_lines(relay.counts)
    served = relay.counts["gateway_reads"]
    if served:
        rest = ", ".join(f"{name} {n:,}" for name, n in served.items() if name != "served")
        answered = f"the gateway answered {_n(served.get('served', 0), 'read')}"
        yield "gateway", f"{answered}; MongoDB instead: {rest or 'none'}"
    written = relay.counts.get("gateway_writes")
    if written:
        shown = ", ".join(f"{name} {n:,}" for name, n in written.items())
        yield "gateway", f"writes that were to wait for it: {shown}"


def _no_evidence() -> Iterator[tuple[str, str]]:
    yield "evidence", "none yet: no verifier has begun a ledger (see the log of `parallax serve`)"


def _ledger_lines(found: Status, standing: Standing) -> Iterator[tuple[str, str]]:
    for beat in found.heartbeats:
        yield beat.part, _beat_line(beat, found.read_ns)
    yield "evidence", standing.conclusion.result.value
    for reason in standing.conclusion.reasons:
        yield "", reason
    for number, collection in enumerate(standing.gates.collections):
        yield "" if number else "gates", _gates_line(collection)
    tally = found.tally
    yield "verified", f"{tally.verified:,} of {tally.seen:,} operations seen"
    for verdict in Verdict:
        count = tally.verdicts.get(verdict, 0)
        if count:
            yield "", f"{verdict.value} {count:,}"
    if found.sampled:
        yield "", f"of them sampled, because the verifier was behind {found.sampled:,}"
    if tally.dropped:
        yield "", f"not captured {tally.dropped:,}"
    for swept in found.sweeps:
        yield "swept", _sweep_line(swept, found.read_ns)
    latencies = (
        ("legacy", found.latency.legacy),
        ("gateway", found.latency.gateway),
        ("added by relay", found.latency.overhead),
    )
    for name, quantiles in latencies:
        yield name, _quantiles(quantiles)


def _gates_line(collection: CollectionGates) -> str:
    """Return the result of a collection with the gates that are in the way, the gravest first."""
    gates = [one for one in collection.outcomes if one.result is not Result.PASS]
    gates.sort(key=lambda one: one.result is not Result.FAIL)
    because = ": " + ", ".join(one.gate.value for one in gates) if gates else ""
    return f"{collection.namespace} {collection.result.value}{because}"


def _beat_line(beat: Heartbeat, now_ns: int) -> str:
    age_s = max(now_ns - beat.at_ns, 0) / 1e9
    lag = (
        f"{beat.lag_operations:,} operations, {_bytes(beat.lag_bytes)}, {beat.lag_s:.1f} s behind"
        if beat.lag_operations or beat.lag_bytes
        else "has caught up"
    )
    if age_s < STALE_S:
        return lag
    return f"silent for {_duration(age_s)}: stopped, or waits for the ledger; then: {lag}"


def _sweep_line(swept: SweepEvidence, now_ns: int) -> str:
    if not swept.oldest_ns:
        return f"{swept.namespace}: not all of it yet"
    age = _duration((now_ns - swept.oldest_ns) / 1e9)
    found = f"{_n(swept.documents, 'document')}, the oldest chunk {age} ago"
    if swept.differing:
        found += f", {swept.differing:,} differed"
    if swept.uncompared:
        found += f", {swept.uncompared:,} not compared"
    return f"{swept.namespace}: {found}"


def _quantiles(quantiles: Quantiles | None) -> str:
    if quantiles is None:
        return "nothing timed in the last minutes"
    return (
        f"p50 {quantiles.p50_s * 1e3:.3f} ms, p95 {quantiles.p95_s * 1e3:.3f} ms, "
        f"p99 {quantiles.p99_s * 1e3:.3f} ms"
    )


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < 60 * _MINUTE_S:
        return f"{whole // _MINUTE_S} min"
    hours, rest = divmod(whole, 60 * _MINUTE_S)
    return f"{hours} h {rest // _MINUTE_S} min"


def _bytes(count: int) -> str:
    if count < 1 << 10:
        return f"{count} B"
    if count < 1 << 20:
        return f"{count / (1 << 10):.1f} KiB"
    return f"{count / (1 << 20):,.1f} MiB"


def _n(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
