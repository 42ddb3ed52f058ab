"""The figures of a report, computed once more by queries that share nothing with it but the tables."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from sqlalchemy import create_engine, text

from comparators.operation import Kind
from comparators.shape import Shape
from comparators.verdict import Verdict
from dashboards.report.searches import search_lines
from proxy.ledger.access import opened
from proxy.ledger.engine import SCHEMA
from proxy.ledger.entries import Divergence, Drop, Dropped, SearchComparison
from proxy.ledger.lookup import redaction_of
from proxy.ledger.read import Evidence, read_report
from proxy.ledger.searches import SearchBatch, enter_searches
from proxy.ledger.write import Ledger
from tests.integration.ledger.findings import MINUTE_NS, NO_LAG, START_NS, checkpoint, finding

CHOSEN = ("app.messages", "app.users")
NAMESPACES = (*CHOSEN, "app.files")

COUNTS = """
    SELECT s.namespace, c.verdict, CASE WHEN s.kind = 'state' THEN 1 ELSE 0 END AS is_state, SUM(c.n) AS n
    FROM counts c JOIN shapes s ON s.shape = c.shape
    WHERE c.minute BETWEEN {first} AND {last} GROUP BY 1, 2, 3
"""
REASONS = """
    SELECT s.namespace, r.verdict, r.reason, SUM(r.n) AS n
    FROM reasons r JOIN shapes s ON s.shape = r.shape
    WHERE r.minute BETWEEN {first} AND {last} GROUP BY 1, 2, 3
"""
RULES = "SELECT namespace, rule, SUM(n) AS n FROM rule_hits WHERE minute BETWEEN {first} AND {last} GROUP BY 1, 2"
DROPS = "SELECT namespace, what, SUM(n) AS n FROM drops WHERE minute BETWEEN {first} AND {last} GROUP BY 1, 2"
SEARCHES = "SELECT namespace, verdict, SUM(n) AS n FROM searches WHERE minute BETWEEN {first} AND {last} GROUP BY 1, 2"
OPEN = "SELECT namespace, COUNT(*) AS n FROM divergence WHERE state = 'open' GROUP BY 1"


@pytest.fixture
async def url(ledger: Ledger, ledger_url: str) -> str:
    """Give a ledger of ten minutes in which everything happened, to three collections."""
    chance = random.Random(6)
    verdicts = [*Verdict]
    searches = SearchBatch(writer="api")
    for minute in range(10):
        at_ns = START_NS + minute * MINUTE_NS
        found = []
        for number in range(60):
            verdict = chance.choice([*verdicts, *[Verdict.MATCH] * 20])
            kind = Kind.STATE if chance.random() < 0.2 else Kind.FIND
            made = finding(
                number,
                verdict=verdict,
                at_ns=at_ns,
                namespace=chance.choice(NAMESPACES),
                shape=Shape(text=f"{kind} {number % 4}", id=f"{kind} {number % 4}"),
                reason=None if verdict is Verdict.MATCH else f"{verdict} for a reason",
                rules=("clock",) if verdict is Verdict.MATCH_BY_RULE else (),
                fingerprint="f" if verdict is Verdict.MISMATCH else None,
            )
            found.append(replace(made, kind=kind))
            searches.add(SearchComparison(at_ns=at_ns, namespace=made.namespace, verdict=verdict))
        namespace = chance.choice(NAMESPACES)
        await ledger.record(
            found,
            checkpoint=checkpoint(minute + 1, at_ns=at_ns),
            lag=NO_LAG,
            drops=[
                Drop(at_ns=at_ns, namespace=namespace, what=Dropped.READS, reason="full", n=minute)
            ],
            diverged=[
                Divergence(namespace=namespace, document=minute, cause="differs", since_ns=START_NS)
            ],
        )
    async with opened(ledger_url) as access:
        await enter_searches(access, await redaction_of(access), searches)
    return ledger_url


async def rows(url: str, query: str, *, first: int, last: int) -> list[dict[str, Any]]:
    """Return the answer to a query of its own connection."""
    asked = query.format(first=first, last=last)
    if url.startswith("sqlite"):
        engine = create_engine(url)
        with engine.connect() as connection:
            found = [{**row} for row in connection.execute(text(asked)).mappings()]
        engine.dispose()
        return found
    connected = await asyncpg.connect(url, server_settings={"search_path": SCHEMA})
    try:
        return [dict(row) for row in await connected.fetch(asked)]
    finally:
        await connected.close()


@pytest.mark.parametrize("chosen", [(), CHOSEN], ids=["all", "chosen"])
@pytest.mark.parametrize(("first", "last"), [(0, 9), (3, 6)], ids=["whole", "window"])
async def test_an_independent_query_finds_the_same_figures(
    url: str, chosen: tuple[str, ...], first: int, last: int
) -> None:
    since_ns, until_ns = START_NS + first * MINUTE_NS, START_NS + last * MINUTE_NS
    minutes = {"first": since_ns // MINUTE_NS, "last": until_ns // MINUTE_NS}

    told = await read_report(url, since_ns=since_ns, until_ns=until_ns, namespaces=chosen)

    def is_chosen(row: Mapping[str, Any]) -> bool:
        return not chosen or row["namespace"] in chosen

    counts = [row for row in await rows(url, COUNTS, **minutes) if is_chosen(row)]
    reasons = [row for row in await rows(url, REASONS, **minutes) if is_chosen(row)]
    rules = [row for row in await rows(url, RULES, **minutes) if is_chosen(row)]
    drops = [row for row in await rows(url, DROPS, **minutes) if is_chosen(row)]
    searches = [row for row in await rows(url, SEARCHES, **minutes) if is_chosen(row)]
    diverged = [row for row in await rows(url, OPEN, **minutes) if is_chosen(row)]
    assert len(counts) > 10
    assert_same_counts(told, counts, drops)
    assert summed(told.reasons, "namespace", "verdict", "reason") == counted(
        reasons, "namespace", "verdict", "reason"
    )
    assert summed(told.rules, "namespace", "rule") == counted(rules, "namespace", "rule")
    assert len(searches) > 10
    assert summed(told.searches, "namespace", "verdict") == counted(
        searches, "namespace", "verdict"
    )
    assert sum(line.compared + line.not_compared for line in search_lines(told.searches)) == sum(
        int(row["n"]) for row in searches
    )
    assert sum(told.divergences.values()) == sum(int(row["n"]) for row in diverged)
    assert {one.namespace for one in told.collections} == {row["namespace"] for row in counts}
    by_verdict = Counter[str]()
    for moment in told.course.moments:
        by_verdict.update({str(verdict): n for verdict, n in moment.verdicts.items()})
    judged = Counter[str]()
    for row in counts:
        if not row["is_state"]:
            judged[row["verdict"]] += int(row["n"])
    assert by_verdict == judged
    assert sum(moment.seen for moment in told.progress.moments) == sum(
        int(row["n"]) for row in counts if not row["is_state"]
    )


def assert_same_counts(
    told: Evidence, counts: list[dict[str, Any]], drops: list[dict[str, Any]]
) -> None:
    verified = {"match", "match_by_rule", "mismatch", "transient"}
    for collection in told.collections:
        of_it = [row for row in counts if row["namespace"] == collection.namespace]
        lost = sum(int(row["n"]) for row in drops if row["namespace"] == collection.namespace)
        answers = Counter[str]()
        for row in of_it:
            if not row["is_state"]:
                answers[row["verdict"]] += int(row["n"])
        assert collection.tally.seen == answers.total() + lost
        assert collection.tally.verified == sum(answers[name] for name in verified)
        assert collection.tally.mismatched == sum(
            int(row["n"]) for row in of_it if row["verdict"] == "mismatch"
        )
    assert told.tally.seen == sum(one.tally.seen for one in told.collections)


def counted(found: list[dict[str, Any]], *names: str) -> Counter[tuple[str, ...]]:
    sums = Counter[tuple[str, ...]]()
    for row in found:
        sums[tuple(str(row[name]) for name in names)] += int(row["n"])
    return sums


def summed(found: tuple[Any, ...], *names: str) -> Counter[tuple[str, ...]]:
    sums = Counter[tuple[str, ...]]()
    for one in found:
        sums[tuple(str(getattr(one, name)) for name in names)] += one.n
    return sums


async def test_a_collection_that_is_asked_for_and_was_not_seen_is_no_pass(url: str) -> None:
    told = await read_report(url, namespaces=("app.messages", "app.nobody"))

    (unseen,) = [one for one in told.gates.collections if one.namespace == "app.nobody"]
    assert unseen.result != "pass"
    assert told.namespaces == ("app.messages", "app.nobody")
