"""`parallax adapters`: which databases, search engines and caches there are, what they can, and which would suit."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Final
from uuid import uuid4

import typer
from rich.console import Console
from rich.table import Table

from adapters.adapter import Adapter, Health
from adapters.recommending import Features, Recommendation, recommended
from adapters.registry import adapter, adapter_of, adapters
from adapters.testing import Finding, conform
from comparators.errors import SettingsError
from comparators.operation import Kind
from proxy.cli import options
from proxy.ledger.evidence import ShapeEvidence
from proxy.ledger.read import read_report
from proxy.uris import redacted_uri

ADAPTERS: Final = typer.Typer(
    help="Show the adapters there are, try one on a server, and which would suit.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
CONNECTIONS: Final = 4
Name = Annotated[str, typer.Argument(help="The adapter, as `ls` names it.", metavar="NAME")]


@ADAPTERS.command("ls")
def ls() -> None:
    """Show all adapters that are installed, ours and those of other packages."""
    table = Table("adapter", "is a", "URL", "can")
    for each in adapters():
        schemes = ", ".join(f"{scheme}://" for scheme in each.schemes)
        table.add_row(each.name, each.role, schemes, _capabilities(each))
    Console().print(table)


@ADAPTERS.command("show")
def show(name: Name) -> None:
    """Show the settings of an adapter, with their defaults, and the URL that they add up to."""
    found = adapter(name)
    table = Table("setting", "type", "default")
    for setting, field in found.settings.model_fields.items():
        annotation = getattr(field.annotation, "__name__", str(field.annotation))
        default = "" if field.is_required() else str(field.get_default())
        table.add_row(setting, annotation, default)
    console = Console()
    console.print(table)
    console.print(f"{found.title} can: {_capabilities(found)}")
    console.print(
        f"by these defaults: {redacted_uri(found.settings.model_validate({}).url())}",
        soft_wrap=True,
    )


@ADAPTERS.command("check")
def check(
    url: Annotated[str, typer.Argument(help="The server, with its scheme.", metavar="URL")],
    *,
    conformance: Annotated[
        bool,
        typer.Option("--conformance", help="Also hold it to the suite, in a database of its own."),
    ] = False,
) -> int:
    """Ask a server for its version; with --conformance, end with 1 where it answers otherwise than MongoDB."""
    found = adapter_of(url)
    health = asyncio.run(found.check(url))
    typer.echo(_line(found, health))
    if not conformance:
        return 0
    findings = asyncio.run(_conformance(found, url))
    Console().print(_findings(findings))
    return 1 if any(each.problem for each in findings) else 0


@ADAPTERS.command("recommend")
def recommend(
    collections: Annotated[
        list[str] | None,
        typer.Argument(help="As `database.collection`; else all.", metavar="[COLLECTION]..."),
    ] = None,
    config: options.Config = None,
    data: options.DataDirectory = None,
    ledger: options.Ledger = None,
) -> int:
    """Say which adapters suit, by the operations on the ledger; ends with 2 where there are none."""
    settings = options.settings_of(config, data=data, ledger=ledger)
    evidence = asyncio.run(
        read_report(settings.ledger_uri, gates=settings.gates, namespaces=tuple(collections or ()))
    )
    features = features_of(evidence.shapes)
    found = recommended(features, adapters())
    if not found:
        typer.echo("nothing was measured: no operation of these collections is on the ledger")
        return 2
    Console().print(_recommendations(found))
    return 0


def features_of(shapes: Iterable[ShapeEvidence]) -> Features:
    """Return what the shapes on a ledger ask of a database."""
    asked = [(shape, shape.tally.seen) for shape in shapes if shape.kind != Kind.STATE]
    return Features(
        operations=sum(n for _, n in asked),
        writes=sum(n for shape, n in asked if shape.kind in _WRITES),
        reads_by_id=sum(n for shape, n in asked if _BY_ID in shape.text),
        joins=_asking(asked, "$lookup", "$graphLookup"),
        texts=_asking(asked, "$text", "$regex", "$search"),
        vectors=_asking(asked, "$vectorSearch"),
    )


_WRITES: Final = frozenset({Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.FIND_AND_MODIFY})
_BY_ID: Final = ".find filter{_id:=}"


def _asking(asked: Iterable[tuple[ShapeEvidence, int]], *operators: str) -> int:
    return sum(n for shape, n in asked if any(each in shape.text for each in operators))


async def _conformance(found: Adapter, url: str) -> list[Finding]:
    if found.open is None:
        raise SettingsError(
            f"{found.title} is no database",
            where="--conformance",
            remedy="leave it out: the suite is for databases behind repositories",
        )
    async with found.open(url, CONNECTIONS) as database:
        name = f"parallax_conformance_{uuid4().hex[:8]}"
        return list(await conform(database, name, found.capabilities))


def _line(found: Adapter, health: Health) -> str:
    return f"{found.title} {health.version} answered in {health.latency_s * 1000:.1f} ms"


def _capabilities(found: Adapter) -> str:
    return ", ".join(sorted(found.capabilities))


def _findings(findings: Iterable[Finding]) -> Table:
    table = Table("case", "outcome")
    for each in findings:
        without = f"left out: it needs {', '.join(sorted(each.missing))}" if each.missing else "ok"
        table.add_row(each.case, each.problem or without)
    return table


def _recommendations(found: Iterable[Recommendation]) -> Table:
    table = Table("adapter", "suits", "because")
    for each in found:
        table.add_row(each.adapter.name, "yes" if each.suits else "no", "\n".join(each.reasons))
    return table
