"""Comparisons of searches on both databases of a ledger: counted once, kept without words, and read by window."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from bson import ObjectId
from structlog.testing import capture_logs

from comparators.search import Aspect
from comparators.verdict import Verdict
from proxy.ledger.access import opened
from proxy.ledger.entries import SearchComparison
from proxy.ledger.lookup import redaction_of
from proxy.ledger.read import Evidence, read_report
from proxy.ledger.searches import MOST_COUNTS, MOST_WAITING, SearchBatch, enter_searches
from proxy.ledger.tables import NANOSECONDS_PER_MINUTE
from proxy.ledger.write import Ledger
from proxy.searches.entering import Entering
from tests.eventually import eventually
from tests.integration.ledger.findings import START_NS

SECRET = "ada.lovelace@example.org"
AGREED = SearchComparison(
    at_ns=START_NS, namespace="app.messages", verdict=Verdict.MATCH, aspect=Aspect.RANK
)
NAMED = ObjectId()
DIFFERS = SearchComparison(
    at_ns=START_NS,
    namespace="app.messages",
    verdict=Verdict.MISMATCH,
    aspect=Aspect.CONTENT,
    reason="only the engine finds a document",
    engine_alone=(NAMED, SECRET, *range(5)),
    database_alone=(SECRET,),
)
ELSEWHERE = SearchComparison(
    at_ns=START_NS, namespace="app.files", verdict=Verdict.DROPPED, reason="too many were waiting"
)


def totals(evidence: Evidence) -> dict[tuple[str, str, str], int]:
    return {
        (each.namespace, each.verdict.value, each.aspect or ""): each.n
        for each in evidence.searches
    }


@asynccontextmanager
async def running(entering: Entering) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(entering.run(), name="entering")
        yield
        task.cancel()


async def test_what_is_entered_again_counts_once(ledger: Ledger, ledger_url: str) -> None:
    batch, again = SearchBatch(writer="a"), SearchBatch(writer="a")
    for comparison in (AGREED, AGREED, DIFFERS, ELSEWHERE):
        batch.add(comparison)
        again.add(comparison)
    other = SearchBatch(writer="b")
    other.add(AGREED)

    async with opened(ledger_url) as access:
        redaction = await redaction_of(access)
        for each in (batch, again, other):
            await enter_searches(access, redaction, each)
        batch.add(AGREED)
        await enter_searches(access, redaction, batch)
    evidence = await read_report(ledger_url)

    assert totals(evidence) == {
        ("app.messages", "match", "rank"): 4,
        ("app.messages", "mismatch", "content"): 1,
        ("app.files", "dropped", ""): 1,
    }
    [found] = evidence.search_differences
    assert (found.at_ns, found.namespace, found.aspect, found.reason) == (
        START_NS,
        "app.messages",
        Aspect.CONTENT,
        DIFFERS.reason,
    )
    assert found.engine_alone[0] == str(NAMED)
    assert found.engine_alone[1] == found.database_alone[0]
    assert found.engine_alone[1].startswith("string#")
    assert (len(found.engine_alone), found.engine_alone_in_all) == (5, 7)
    assert not evidence.conclusion.reasons[0].startswith("search")


async def test_a_window_holds_its_minutes_and_its_collections(
    ledger: Ledger, ledger_url: str
) -> None:
    batch = SearchBatch(writer="a")
    later_ns = START_NS + 10 * NANOSECONDS_PER_MINUTE
    for each in (DIFFERS, ELSEWHERE, replace(DIFFERS, at_ns=later_ns)):
        batch.add(each)
    # A clock that is set back adds to the minute that was last.
    batch.add(AGREED)
    async with opened(ledger_url) as access:
        await enter_searches(access, await redaction_of(access), batch)

    late = await read_report(ledger_url, since_ns=later_ns)
    files = await read_report(ledger_url, namespaces=["app.files"])

    assert sorted(totals(late).values()) == [1, 1]
    assert [each.at_ns for each in late.search_differences] == [later_ns]
    assert list(totals(files)) == [("app.files", "dropped", "")]
    assert files.search_differences == ()


async def test_comparisons_wait_for_a_ledger_and_the_last_are_entered_at_the_end(
    ledger_url: str,
) -> None:
    entering = Entering(ledger_url, again_s=0.05)
    with capture_logs() as logged:
        async with running(entering):
            entering.judged(AGREED)
            await asyncio.sleep(0)
            ledger = await Ledger.open(ledger_url)

            async def is_entered() -> bool:
                return bool(totals(await read_report(ledger_url)))

            await eventually(is_entered, within_s=10)
            for _ in range(3):
                entering.judged(DIFFERS)
        evidence = await read_report(ledger_url)
        await ledger.close()

    assert totals(evidence)["app.messages", "mismatch", "content"] == 3
    assert len(evidence.search_differences) == 3
    told = [each["event"] for each in logged if each["event"] == "searches_not_entered"]
    # SQLite says that there is none yet, which is nobody's concern; a server has to be asked.
    assert len(told) <= 1


def test_without_a_ledger_little_is_kept_and_what_is_let_go_is_counted() -> None:
    batch = SearchBatch(writer="a")

    for minute in range(MOST_COUNTS + 3):
        batch.add(replace(DIFFERS, at_ns=minute * NANOSECONDS_PER_MINUTE))

    assert (len(batch.counts), len(batch.differing), batch.lost) == (MOST_COUNTS, MOST_WAITING, 3)
