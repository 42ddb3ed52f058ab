"""Documents full of secrets go in; none may be found in any byte that the ledger leaves on disk."""

from pathlib import Path

import asyncpg
import pytest
from bson import Binary, Code, Int64, Regex
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128

from comparators.change import ChangeKind, Difference
from comparators.search import Aspect
from comparators.verdict import Verdict
from dashboards.report import build_report, render_html, render_json, render_markdown
from proxy.ledger.access import opened
from proxy.ledger.engine import SCHEMA
from proxy.ledger.entries import Divergence, Resolution, SearchComparison
from proxy.ledger.lookup import redaction_of
from proxy.ledger.read import read_report
from proxy.ledger.searches import SearchBatch, enter_searches
from proxy.ledger.write import Ledger
from tests.integration.ledger.findings import NO_LAG, START_NS, checkpoint, finding

SECRETS = {
    "email": "ada.lovelace@example.org",
    "password": "$2b$12$k2Pn0tARealHashButLooksLikeOne",
    "card": Int64(4929123456781234),
    "pin": 918273,
    "balance": Decimal128("918273.645"),
    "rate": 918273.645,
    "token": Binary(b"tok-918273645"),
    "born": DatetimeMS(918273645000),
    "pattern": Regex("^ada918273"),
    "code": Code("return 'ada918273'"),
    "nested": {"street": "Analytical Avenue 42", "list": ["ada918273", {"deep": "ada918273"}]},
    "raw": b"\x20\x00\x00\x00ada918273",
}
TRACES = (
    b"ada.lovelace",
    b"example.org",
    b"$2b$12$",
    b"4929123456781234",
    b"918273",
    b"Analytical Avenue",
)


@pytest.fixture
async def filled(ledger: Ledger, ledger_url: str) -> str:
    """Give the URL of a ledger that has seen every secret in every place that takes a value."""
    for position, (name, value) in enumerate(SECRETS.items()):
        differences = (
            Difference(
                kind=ChangeKind.VALUE,
                path="people.ada.lovelace@example.org",
                exact=f"people.{name}.ada918273",
                legacy_type="string",
                gateway_type="string",
                legacy=value,
                gateway={name: [value]},
            ),
        )
        await ledger.record(
            [
                finding(
                    position,
                    verdict=Verdict.MISMATCH,
                    reason="documents differ",
                    fingerprint=f"fingerprint {name}",
                    differences=differences,
                    documents=(value, "ada.lovelace@example.org", 918273, {"id": value}),
                )
            ],
            checkpoint=checkpoint(position),
            lag=NO_LAG,
            diverged=[
                Divergence(
                    namespace="app.users", document=value, cause="differs", since_ns=START_NS
                )
            ],
        )
    searches = SearchBatch(writer="api")
    for value in SECRETS.values():
        searches.add(
            SearchComparison(
                at_ns=START_NS,
                namespace="app.users",
                verdict=Verdict.MISMATCH,
                aspect=Aspect.CONTENT,
                reason="only the engine finds a document",
                engine_alone=(value, "ada.lovelace@example.org"),
                database_alone=(918273, {"id": value}),
            )
        )
    async with opened(ledger_url) as access:
        await enter_searches(access, await redaction_of(access), searches)
    await ledger.resolved(
        [Resolution(namespace="app.users", document=SECRETS["email"], at_ns=START_NS)]
    )
    return ledger_url


async def test_no_secret_is_in_the_files_of_the_ledger(filled: str) -> None:
    written = await everything_in(filled)

    assert b"documents differ" in written, "the search looks at what was written"
    assert b"only the engine finds a document" in written
    assert [trace for trace in TRACES if trace in written] == []


async def test_no_secret_is_in_the_report(filled: str) -> None:
    evidence = await read_report(filled)
    report = build_report(evidence)

    page = (render_html(report) + render_json(report) + render_markdown(report)).encode()

    assert len(evidence.groups) == len(evidence.search_differences) == len(SECRETS)
    assert [trace for trace in TRACES if trace in page] == []


async def everything_in(url: str) -> bytes:
    """Return all bytes of the ledger's files, or of its tables as text."""
    if url.startswith("sqlite:"):
        directory = Path(url.removeprefix("sqlite:///")).parent
        return b"".join(file.read_bytes() for file in sorted(directory.iterdir()))
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = $1", SCHEMA
        )
        rows = [
            str(row)
            for table in tables
            for row in await connection.fetch(f"TABLE {SCHEMA}.{table['tablename']}")
        ]
    finally:
        await connection.close()
    return "\n".join(rows).encode()
