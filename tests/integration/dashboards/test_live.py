"""The live page as HTTP: what it shows, when, and to whom."""

import asyncio
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from comparators.errors import RefusedError
from comparators.rules import Effect, Tolerance
from dashboards.live.actions import Author, Excuse, Subject
from dashboards.live.server import application
from proxy.cli.dashboard import pages
from proxy.declared_rule import DeclaredRule, declare
from proxy.ledger.read import Gates
from proxy.ledger.write import Ledger
from proxy.settings import load
from proxy.settings_sections import Dashboard
from proxy.withdrawn_rule import withdraw
from tests.integration.cli.command import assert_three_lines, parallax
from tests.integration.ledger.findings import NO_LAG, checkpoint, finding, mismatch

WITHIN_S = 10

Browser = TestClient[aiohttp.web.Request, aiohttp.web.Application]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
async def ledger(url: str) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(url)
    yield opened
    await opened.close()


@pytest.fixture
async def browser(url: str) -> AsyncIterator[Browser]:
    async with TestClient(TestServer(application(url, gates=Gates()))) as client:
        yield client


async def next_content(answer: aiohttp.ClientResponse) -> str:
    """Return the content of the next event."""
    async for line in answer.content:
        if line.startswith(b"data: "):
            content: str = json.loads(line.removeprefix(b"data: "))
            return content
    raise AssertionError("the stream of events ended")


async def test_the_page_shows_the_evidence_of_its_window(ledger: Ledger, browser: Browser) -> None:
    now_ns = time.time_ns()
    an_hour_ago_ns = now_ns - 3600 * 1_000_000_000
    await ledger.record(
        [
            finding(1, at_ns=now_ns, namespace="app.now"),
            finding(2, at_ns=an_hour_ago_ns, namespace="app.before"),
        ],
        checkpoint=checkpoint(3, at_ns=now_ns),
        lag=NO_LAG,
    )

    recent = await (await browser.get("/?last=5m")).text()
    all_time = await (await browser.get("/?last=all")).text()

    assert "app.now" in recent
    assert "app.before" not in recent
    assert "app.before" in all_time
    assert '<a href="/?last=5m" aria-current="page">' in recent


async def test_a_collection_has_a_page_of_its_own(ledger: Ledger, browser: Browser) -> None:
    now_ns = time.time_ns()
    await ledger.record(
        [
            finding(1, at_ns=now_ns, namespace="app.users"),
            mismatch(2, at_ns=now_ns, namespace="app.other", path="nickname"),
        ],
        checkpoint=checkpoint(3, at_ns=now_ns),
        lag=NO_LAG,
    )

    overview = await (await browser.get("/?last=1h")).text()
    users = await (await browser.get("/collections/app.users?last=1h")).text()
    nobody = await (await browser.get("/collections/app.%3Cscript%3E")).text()

    assert '<a href="/collections/app.users?last=1h">' in overview
    assert "nickname" in overview
    assert "nickname" not in users
    assert '<a href="/collections/app.users?last=5m">' in users
    assert "app.<script>" not in nobody
    assert "inconclusive" in nobody


async def test_a_mismatch_appears_by_itself(ledger: Ledger, browser: Browser) -> None:
    async with browser.get("/events") as answer:
        assert "nickname" not in await next_content(answer)

        now_ns = time.time_ns()
        await ledger.record(
            [mismatch(1, path="nickname", at_ns=now_ns)],
            checkpoint=checkpoint(2, at_ns=now_ns),
            lag=NO_LAG,
        )

        async with asyncio.timeout(WITHIN_S):
            while "nickname" not in await next_content(answer):
                pass


async def test_a_ledger_that_is_not_there_yet_is_told_and_waited_for(
    url: str, browser: Browser
) -> None:
    async with browser.get("/events") as answer:
        assert "No evidence." in await next_content(answer)

        ledger = await Ledger.open(url)
        await ledger.close()

        async with asyncio.timeout(WITHIN_S):
            while "No evidence." in await next_content(answer):
                pass


async def test_an_unknown_window_is_refused(ledger: Ledger, browser: Browser) -> None:
    answer = await browser.get("/?last=<script>")

    assert answer.status == 400
    assert "5m, 15m, 1h, 24h, all" in await answer.text()


@pytest.mark.parametrize("host", ["evil.example", "10.0.0.1", "127.0.0.1.evil.example"])
async def test_another_name_for_this_machine_is_refused(
    host: str, ledger: Ledger, browser: Browser
) -> None:
    answer = await browser.get("/", headers={"Host": f"{host}:27080"})

    assert answer.status == 403
    assert "verified" not in await answer.text()


async def test_nothing_but_the_page_itself_may_run_in_it(ledger: Ledger, browser: Browser) -> None:
    for path in ("/", "/live.js", "/sort.js", "/style.css", "/live.css"):
        answer = await browser.get(path)

        assert answer.status == 200, path
        assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"


async def test_every_browser_reads_the_ledger_together(ledger: Ledger, browser: Browser) -> None:
    """As many who look, as few who read: all see what was read last."""
    pages = await asyncio.gather(*(browser.get("/") for _ in range(20)))  # noqa: TID251 - at once is the point

    texts = {(await page.text()) for page in pages}
    assert len(texts) == 1


async def test_the_network_is_refused(tmp_path: Path) -> None:
    ran = await parallax(
        "dashboard",
        directory=tmp_path,
        environment={"PARALLAX_DASHBOARD_ADDRESS": "0.0.0.0:27080"},
    )

    assert ran.code == 77
    assert_three_lines(ran, what="asks for no password", where="dashboard.address")


async def test_an_address_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ran = await parallax(
            "dashboard",
            directory=tmp_path,
            environment={"PARALLAX_DASHBOARD_ADDRESS": address},
        )

    assert ran.code == 78
    assert_three_lines(ran, what="address already in use", where="dashboard.address")


class Noted:
    """Does nothing, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Subject, Author]] = []

    async def recheck(self, subject: Subject, author: Author) -> Sequence[str]:
        self.asked.append(("recheck", subject, author))
        return ["equal now: 1"]

    async def repair(self, subject: Subject, author: Author) -> Sequence[str]:
        self.asked.append(("repair", subject, author))
        raise RefusedError("the verifier could not", where="app.users", remedy="start it again")

    async def declare(self, subject: Subject, excuse: Excuse, author: Author) -> Sequence[str]:
        self.asked.append((f"declare {excuse}", subject, author))
        return ["in force"]

    async def withdraw(self, rule: str, author: Author) -> Sequence[str]:
        self.asked.append((f"withdraw {rule}", Subject(), author))
        return ["withdrawn"]


BY_HAND = """
[[rule]]
name = "by-hand"
effect = "ignore"
collection = "users"
path = "name"
owner = "ada"
reason = "ours"
expires = 2099-01-31
"""
TOKEN = "a token of more than sixteen"
A_BROWSER = {"Accept": "text/html"}


@pytest.fixture
def actions() -> Noted:
    return Noted()


@pytest.fixture
async def guarded(url: str, ledger: Ledger, actions: Noted) -> AsyncIterator[Browser]:
    """Give a client of the page that asks for a token; `ledger` has made what it reads."""
    jar = aiohttp.CookieJar(unsafe=True)  # keeps cookies of addresses without a name
    server = TestServer(application(url, gates=Gates(), token=TOKEN, actions=actions))
    async with TestClient(server, cookie_jar=jar) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/collections/app.users", "/events", "/live.js"])
async def test_without_the_token_nothing_is_told(path: str, guarded: Browser) -> None:
    asked = await guarded.get(path)
    looked = await guarded.get(path, headers=A_BROWSER, allow_redirects=False)
    guessed = await guarded.get(path, headers={"Authorization": f"Bearer {TOKEN[:-1]}"})

    assert (asked.status, looked.status, guessed.status) == (401, 303, 401)
    assert looked.headers["Location"].startswith("/login?to=/")
    assert "script-src 'self';" in asked.headers["Content-Security-Policy"]


async def test_whoever_knows_the_token_is_let_in_wherever_it_listens(guarded: Browser) -> None:
    wrong = await guarded.post("/login", data={"token": "a guess"})
    still_out = await guarded.get("/")
    right = await guarded.post(
        "/login?to=/collections/app.users", data={"token": TOKEN}, allow_redirects=False
    )
    inside = await guarded.get("/", headers={"Host": "parallax.example"})

    assert (wrong.status, still_out.status) == (401, 401)
    assert (right.status, right.headers["Location"]) == (303, "/collections/app.users")
    assert "HttpOnly" in right.headers["Set-Cookie"]
    assert "SameSite=Strict" in right.headers["Set-Cookie"]
    assert TOKEN not in right.headers["Set-Cookie"]
    assert inside.status == 200


async def test_a_program_shows_the_token_with_each_request(guarded: Browser) -> None:
    answer = await guarded.get("/", headers={"Authorization": f"Bearer {TOKEN}"})

    assert answer.status == 200
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\\\evil.example", "/login", ""]
)
async def test_the_login_leads_to_no_other_place(elsewhere: str, guarded: Browser) -> None:
    answer = await guarded.post(
        "/login", params={"to": elsewhere}, data={"token": TOKEN}, allow_redirects=False
    )

    assert (answer.status, answer.headers["Location"]) == (303, "/")


async def test_a_token_that_is_too_short_is_refused(tmp_path: Path) -> None:
    ran = await parallax(
        "dashboard", directory=tmp_path, environment={"PARALLAX_DASHBOARD_TOKEN": "short"}
    )

    assert ran.code == 78
    assert_three_lines(ran, what="at least 16 characters", where="PARALLAX_DASHBOARD_TOKEN")
    assert "short" not in ran.printed


ABOUT = {"group": "00000000000000a1", "who": "ada", "why": "ticket 17"}


async def test_without_a_token_nobody_acts(url: str, ledger: Ledger, actions: Noted) -> None:
    async with TestClient(TestServer(application(url, gates=Gates(), actions=actions))) as browser:
        page = await (await browser.get("/")).text()
        for action in ("recheck", "repair", "declare", "withdraw"):
            refused = await browser.post(f"/actions/{action}", json=ABOUT)

            assert refused.status == 403
            assert "read-only: set `dashboard.token`" in (await refused.json())["said"][0]

    assert "Read-only" in page
    assert "data-act=" not in page
    assert not actions.asked


async def test_a_page_that_was_logged_in_acts_and_no_other_page_does(
    guarded: Browser, actions: Noted
) -> None:
    await guarded.post("/login", data={"token": TOKEN})
    page = await (await guarded.get("/")).text()
    found = re.search(r'data-proof="([^"]+)"', page)
    assert found is not None
    here = str(guarded.make_url("")).rstrip("/")
    ours = {"X-Parallax-Proof": found[1], "Origin": here}

    async def status(headers: dict[str, str]) -> int:
        return (await guarded.post("/actions/recheck", json=ABOUT, headers=headers)).status

    assert await status({"Origin": here}) == 403
    assert await status({**ours, "X-Parallax-Proof": "a guess"}) == 403
    assert await status({**ours, "Origin": "https://evil.example"}) == 403
    assert await status({"X-Parallax-Proof": found[1]}) == 403
    assert not actions.asked
    assert await status(ours) == 200
    assert actions.asked == [
        ("recheck", Subject(group=ABOUT["group"]), Author(who="ada", why="ticket 17"))
    ]


async def test_a_program_acts_with_the_token_and_is_told_the_outcome(
    guarded: Browser, actions: Noted
) -> None:
    known = {"Authorization": f"Bearer {TOKEN}"}
    document = {"collection": "app.users", "document": "int#0f", "who": "ci", "why": "nightly"}

    done = await guarded.post("/actions/recheck", json=document, headers=known)
    refused = await guarded.post("/actions/repair", json=document, headers=known)
    nobody = await guarded.post("/actions/repair", json={**document, "who": " "}, headers=known)
    garbage = await guarded.post("/actions/repair", data=b"{", headers=known)
    rule = {**ABOUT, "of": "app.users", "path": "name", "changes": "value", "owner": "ada"}
    someday = await guarded.post(
        "/actions/declare", json={**rule, "expires": "some day"}, headers=known
    )
    rule["expires"] = "2030-01-31"
    declared = await guarded.post("/actions/declare", json=rule, headers=known)
    told = {"effect": "tolerance", "kinds": "find, count", "absolute": "1000", "relative": "0.01"}
    tolerant = await guarded.post("/actions/declare", json={**rule, **told}, headers=known)
    wrong = [
        await (await guarded.post("/actions/declare", json={**rule, **each}, headers=known)).text()
        for each in (
            {"effect": "forgive"},
            {"absolute": "inf"},
            {"relative": "much"},
            {"relative": "1"},
            {"effect": "tolerance"},
        )
    ]
    outside = await guarded.post("/actions/recheck", json=document)

    assert (done.status, await done.json()) == (200, {"said": ["equal now: 1"]})
    assert refused.status == 409
    assert (await refused.json())["said"] == [
        "the verifier could not (app.users)",
        "start it again",
    ]
    assert (nobody.status, garbage.status, outside.status) == (400, 400, 401)
    assert "`who` is missing" in await nobody.text()
    assert (someday.status, declared.status) == (400, 200)
    assert "`expires` is no day" in await someday.text()
    assert [what for what, *_ in actions.asked[:2]] == ["recheck", "repair"]
    assert tolerant.status == 200
    for said, key in zip(wrong, ("effect", "absolute", "relative"), strict=False):
        assert f"`{key}` is no" in said
    assert all("belongs to the effect `tolerance`" in said for said in wrong[3:])
    excuse = Excuse(
        effect=Effect.IGNORE,
        collection="app.users",
        path="name",
        kinds=(),
        changes=("value",),
        tolerance=Tolerance(),
        owner="ada",
        expires=date(2030, 1, 31),
    )
    tolerates = replace(
        excuse,
        effect=Effect.TOLERANCE,
        kinds=("find", "count"),
        tolerance=Tolerance(absolute=1000.0, relative=0.01),
    )
    assert [what for what, *_ in actions.asked[2:]] == [
        f"declare {excuse}",
        f"declare {tolerates}",
    ]


async def test_a_rule_is_withdrawn_by_whoever_knows_the_token_if_it_was_declared_here(
    url: str, ledger: Ledger, tmp_path: Path
) -> None:
    now_ns = time.time_ns()
    await ledger.record([], checkpoint=checkpoint(1, at_ns=now_ns), lag=NO_LAG)
    file = tmp_path / "rules.toml"
    file.write_text(BY_HAND)
    declared = DeclaredRule(
        collection="app.users",
        path="name",
        changes=("value",),
        owner="ada",
        reason="a ticket",
        expires=date(2099, 1, 31),
    )
    kept = await declare(file, declared, who="ada")
    gone = await declare(file, declared, who="ada")
    await withdraw(file, gone, who="bob", why="mended")
    before = file.read_text()
    settings = load(flags={"ledger.uri": url, "rules.file": str(file)})
    settings = settings.model_copy(update={"dashboard": Dashboard(token=TOKEN)})
    known = {"Authorization": f"Bearer {TOKEN}"}

    async with TestClient(TestServer(pages(settings))) as browser:
        page = await (await browser.get("/", headers=known)).text()

        async def told(about: dict[str, str], headers: dict[str, str]) -> tuple[int, str]:
            answer = await browser.post("/actions/withdraw", json=about, headers=headers)
            return answer.status, await answer.text()

        about = {"who": "eve", "why": "ticket 18"}
        unknown = await told({**about, "rule": kept}, {})
        nobody = await told({"rule": kept, "why": "ticket 18"}, known)
        no_reason = await told({"rule": kept, "who": "eve"}, known)
        no_rule = await told(about, known)
        missing = await told({**about, "rule": "never"}, known)
        again = await told({**about, "rule": gone}, known)
        by_hand = await told({**about, "rule": "by-hand"}, known)

    assert unknown[0] == 401
    assert [nobody, no_reason, no_rule] == [
        (400, f'{{"said": ["`{key}` is missing"]}}') for key in ("who", "why", "rule")
    ]
    assert (missing[0], "no rule never" in missing[1]) == (400, True)
    assert (again[0], f"{gone} is withdrawn already, by bob" in again[1]) == (409, True)
    assert (by_hand[0], "not declared on the page" in by_hand[1]) == (409, True)
    assert file.read_text() == before
    assert page.count('data-act="withdraw"') == 1
    assert f'data-rule="{kept}"' in page
    assert "from the rules file: withdrawn there" in page
