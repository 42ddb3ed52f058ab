import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

import dashboards.report
from comparators.rules import Rules
from comparators.search import Aspect
from comparators.verdict import Verdict
from dashboards.report import (
    build_report,
    render_html,
    render_json,
    render_junit,
    render_markdown,
    words,
)
from dashboards.report.html import MAX_SHAPES
from dashboards.report.report import segments
from proxy.ledger.flag_changes import PARALLAX, ROLLED_BACK, GateThen
from proxy.ledger.read import (
    SAMPLED,
    ActionEvidence,
    DivergenceState,
    DivergentDocument,
    EventEvidence,
    EventKind,
    Evidence,
    FlagChange,
    Gate,
    OrderKind,
    OrderState,
    Result,
    RuleEvidence,
    SearchCount,
    SearchDifference,
    SweepEvidence,
    Tally,
)
from tests.unit.dashboards.evidence import (
    SECOND_NS,
    START_NS,
    empty,
    evidence,
    gates,
    group,
    reason,
    shape,
)

RULES = """
[[rule]]
name = "clock"
effect = "ignore"
collection = "users"
path = "at"
owner = "ada"
reason = "the gateway's clock"
expires = 2027-01-01

[[rule]]
name = "idle"
effect = "ignore"
collection = "users"
path = "seen"
owner = "bob"
reason = "old"
expires = 2020-01-01
"""
STYLE = (Path(dashboards.report.__file__).parent / "templates" / "style.css").read_text()
VOID = {"meta", "br", "rect", "polygon"}


class Page(HTMLParser):
    """What a reader gets: the text, and every attribute that could load something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.loads: list[str] = []
        self.open: list[str] = []
        self.headings: list[str] = []
        self.images_without_label = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.loads += [f"{tag} {name}" for name in ("src", "href", "action") if given.get(name)]
        self.images_without_label += given.get("role") == "img" and not given.get("aria-label")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open or "script" in self.open:
            return
        self.text += data
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def page_of(found: Evidence) -> Page:
    return Page(render_html(build_report(found)))


def test_a_pass_says_so_first_and_how_sure_it_is() -> None:
    report = build_report(evidence())

    assert report.headline == "All 1,000 verified operations gave the same result on both sides."
    assert "fewer than 1 in 334 operations" in report.confidence
    assert "pass." in page_of(evidence()).text


def test_a_failure_names_the_gravest_reason_first_and_the_others_below() -> None:
    found = evidence(
        {Verdict.MATCH: 997, Verdict.MISMATCH: 3},
        result=Result.FAIL,
        because=("3 operations gave another result", "1 document differs now"),
    )
    report = build_report(found)

    assert report.headline == "3 operations gave another result."
    assert report.others == ("1 document differs now.",)
    assert report.confidence == (
        "0.30 % of the 1,000 verified operations did not match: "
        "with 95 % confidence, fewer than 1 in 129 operations like these would differ."
    )


def test_an_empty_ledger_is_a_page_and_no_pass() -> None:
    page = page_of(empty())

    assert "inconclusive." in page.text
    assert "No operation was verified." in page.text
    assert page.open == []


def test_the_page_loads_nothing() -> None:
    page = render_html(build_report(evidence(groups=(group(),))))

    assert Page(page).loads == []
    assert "http://" not in page
    assert "https://" not in page
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_every_plot_can_be_read_aloud_and_every_tag_is_closed() -> None:
    page = page_of(evidence(groups=(group(), group(Verdict.TRANSIENT))))

    assert page.images_without_label == 0
    assert page.open == []


def test_names_from_the_application_are_escaped() -> None:
    hostile = "<img src=x onerror=alert(1)>"

    page = render_html(
        build_report(evidence(groups=(group(path=hostile),), shapes=(shape(text=hostile),)))
    )

    assert hostile not in page
    assert hostile in Page(page).text


def test_mismatches_show_their_paths_and_redacted_samples() -> None:
    page = page_of(evidence(groups=(group(path="items.*.price", n=17),)))

    for shown in ("items.*.price", "17", "string(3)", "string(4)", "string#0123456789abcdef"):
        assert shown in page.text
    assert "and 2 documents more" in page.text


def test_unsupported_operators_are_named() -> None:
    page = page_of(evidence(reasons=(reason(Verdict.UNSUPPORTED, "$setWindowFields"),)))

    assert "$setWindowFields" in page.text


def test_a_long_list_is_cut_and_says_so() -> None:
    found = evidence(shapes=tuple(shape(text=f"shape number {n}") for n in range(MAX_SHAPES + 7)))

    page = page_of(found)

    assert f"shape number {MAX_SHAPES - 1}" in page.text
    assert f"shape number {MAX_SHAPES}" not in page.text
    assert "7 more shapes in the JSON report" in page.text
    assert f"shape number {MAX_SHAPES + 6}" in render_json(build_report(found))


def test_the_json_has_the_figures_of_the_evidence() -> None:
    found = evidence(
        {Verdict.MATCH: 90, Verdict.MISMATCH: 10}, divergences={DivergenceState.OPEN: 2}
    )

    content = json.loads(render_json(build_report(found)))

    told = content["evidence"]
    assert content["format"] == "parallax-report/1"
    assert told["tally"]["verdicts"] == {"match": 90, "mismatch": 10}
    assert told["tally"]["coverage"] == 1.0
    assert told["latency"]["ratio"] == pytest.approx(2.0)
    assert told["divergences"] == {"open": 2}
    assert told["conclusion"]["result"] == "pass"


@pytest.mark.parametrize(
    ("result", "light"),
    [
        (Result.PASS, "\N{CHECK MARK} pass"),
        (Result.FAIL, "\N{MULTIPLICATION X} fail"),
        (Result.INCONCLUSIVE, "? inconclusive"),
    ],
)
def test_gates_are_readable_without_colour(result: Result, light: str) -> None:
    found = evidence(result=result, because=("because",))

    page, markdown = page_of(found), render_markdown(build_report(found))

    for text in (page.text, markdown):
        assert light in text
        assert "not asked for" in text.lower()
        assert ("2,000 operations more" in text) is (result is not Result.PASS)
    assert page.open == []


def test_the_json_has_every_gate_with_its_numbers() -> None:
    told = json.loads(render_json(build_report(evidence())), parse_constant=pytest.fail)

    [collection] = told["evidence"]["gates"]["collections"]
    assert collection["result"] == "pass"
    assert collection["outcomes"][0]["high"] == 0.003
    assert collection["outcomes"][0]["bound"] == 0.001


def test_markdown_shows_hostile_names_as_they_are() -> None:
    hostile = "app.|<b>*x*`\n# y"

    markdown = render_markdown(build_report(evidence(gates=gates(Result.PASS, namespace=hostile))))

    assert "| app.\\|\\<b\\>\\*x\\*\\` \\# y |" in markdown


def test_junit_never_shows_an_inconclusive_gate_as_passed() -> None:
    for result, (failures, errors) in {
        Result.PASS: ("0", "0"),
        Result.FAIL: ("1", "0"),
        Result.INCONCLUSIVE: ("0", "1"),
    }.items():
        found = evidence(result=result, because=("because",))

        root = ET.fromstring(render_junit(build_report(found)))  # noqa: S314 - our own

        suite = root.find("testsuite[@name='app.users']")
        assert suite is not None
        assert (suite.get("failures"), suite.get("errors")) == (failures, errors)
        assert suite.get("tests") == str(len(suite.findall("testcase"))) == "2"


def test_junit_of_nothing_is_an_error() -> None:
    root = ET.fromstring(render_junit(build_report(empty())))  # noqa: S314 - our own

    assert len(root.findall(".//error")) == 1


def test_a_bar_is_full_and_shows_even_the_rarest_verdict() -> None:
    parts = segments(Tally(verdicts={Verdict.MATCH: 10_000_000, Verdict.MISMATCH: 1}, dropped=1))

    assert [part.verdict for part in parts] == [
        Verdict.MATCH,
        Verdict.DROPPED,
        Verdict.MISMATCH,
    ]
    assert sum(part.width for part in parts) == pytest.approx(100, abs=0.1)
    assert min(part.width for part in parts) > 0.5


def test_every_verdict_has_a_colour_in_both_themes() -> None:
    for verdict in Verdict:
        assert len(re.findall(rf"--{verdict.value}: #", STYLE)) >= 2, verdict


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ink", ["ink", "soft", "pass", "fail", "inconclusive"])
@pytest.mark.parametrize("ground", ["page", "card"])
def test_text_has_the_contrast_that_aa_asks_for(theme: int, ink: str, ground: str) -> None:
    """Source: WCAG 2.2, success criterion 1.4.3."""

    def colour(name: str) -> str:
        found: list[str] = re.findall(rf"--{name}: #([0-9a-f]+)", STYLE)
        return found[theme]

    lighter, darker = sorted((luminance(colour(ink)), luminance(colour(ground))), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def luminance(colour: str) -> float:
    """Source: WCAG 2.2, definition of relative luminance."""
    channels = [int(colour[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_repaired_document_says_who_and_why_and_a_sweep_how_old_it_is() -> None:
    repaired = DivergentDocument(
        namespace="app.users",
        document="string#5f1c",
        cause="found by a sweep",
        state=DivergenceState.REPAIRED,
        since_ns=START_NS,
        changed_ns=START_NS,
        log="log",
        position=1,
        differences=group(path="lines.*.sku").samples[0].changes,
        who="ada",
        why="ticket 5",
    )
    swept = SweepEvidence(
        namespace="app.users",
        chunks=3,
        documents=70_000,
        differing=1,
        uncompared=0,
        oldest_ns=START_NS - 7_200 * SECOND_NS,
        newest_ns=START_NS,
    )

    page = page_of(evidence(divergent=(repaired,), sweeps=(swept,)))

    for told in ("repaired by ada: ticket 5", "lines.*.sku", "70,000", "120 min ago"):
        assert told in page.text


def test_a_rule_is_shown_with_who_answers_for_it_and_one_without_hits_too() -> None:
    declared = Rules.parse(RULES, where="rules.toml", today=date.min).rules
    hits = (RuleEvidence(rule="clock", namespace="app.users", n=3),)
    gone = (RuleEvidence(rule="gone", namespace="app.users", n=1),)

    report = build_report(evidence(rules=hits + gone), declared=declared)

    assert [(rule.rule, rule.n, rule.owner, rule.expires) for rule in report.rules] == [
        ("clock", 3, "ada", "2027-01-01"),
        ("gone", 1, "", ""),
        ("idle", 0, "bob", "2020-01-01"),
    ]
    assert "the gateway's clock" in Page(render_html(report)).text
    assert "2027-01-01" in render_markdown(report)


def test_it_is_told_who_declared_a_rule_and_who_withdrew_it() -> None:
    declared = Rules.parse(RULES, where="rules.toml", today=date.min).rules
    hits = (RuleEvidence(rule="gone", namespace="app.users", n=1),)
    changes = tuple(
        ActionEvidence(
            id=2 - n,
            kind=kind,
            namespace="app.users",
            who=who,
            why=why,
            asked_ns=START_NS,
            done_ns=START_NS,
            state=OrderState.DONE,
            outcome={"rule": "gone"},
        )
        for n, (kind, who, why) in enumerate(
            [(OrderKind.WITHDRAW, "bob", "it is mended"), (OrderKind.DECLARE, "ada", "a clock")]
        )
    )

    report = build_report(
        evidence(rules=hits, rule_changes=changes), declared=declared, declared_by={"idle": "ada"}
    )

    [gone, clock, idle] = report.rules
    assert (gone.withdrawn[:17], gone.withdrawn[-12:]) == ("withdrawn by bob,", "it is mended")
    assert (gone.declared_by, clock.declared_by, idle.declared_by) == ("", "", "ada")
    assert (clock.withdrawn, idle.withdrawn) == ("", "")
    for text in (Page(render_html(report)).text, render_markdown(report)):
        assert "withdrawn by bob" in text
        assert "it is mended" in text
        assert "a clock" in text


def test_searches_are_told_with_what_they_differ_in() -> None:
    counts = tuple(
        SearchCount(namespace=namespace, verdict=verdict, aspect=aspect, reason=reason, n=n)
        for namespace, verdict, aspect, reason, n in (
            ("app.messages", Verdict.MATCH, Aspect.RANK, "", 7000),
            ("app.messages", Verdict.MATCH_BY_RULE, Aspect.CONTENT, "search_inside", 20),
            ("app.messages", Verdict.TRANSIENT, Aspect.CONTENT, "gone", 3),
            ("app.messages", Verdict.DROPPED, None, "too many were waiting", 2),
            ("app.files", Verdict.MISMATCH, Aspect.RANK, "the rankings differ", 1),
            ("app.files", Verdict.MISMATCH, Aspect.CONTENT, "only the engine finds one", 1),
        )
    )
    apart = SearchDifference(
        at_ns=START_NS,
        namespace="app.files",
        aspect=Aspect.RANK,
        reason="the rankings differ",
        engine_alone=(),
        engine_alone_in_all=0,
        database_alone=(),
        database_alone_in_all=0,
        swapped=0.254,
    )
    alone = replace(
        apart,
        aspect=Aspect.CONTENT,
        reason="only the engine finds one",
        engine_alone=("string#5f1c",),
        engine_alone_in_all=12,
        database_alone=("int#77",),
        database_alone_in_all=1,
    )

    report = build_report(evidence(searches=counts, search_differences=(apart, alone)))

    assert [(each.namespace, each.compared, each.differed) for each in report.searches] == [
        ("app.files", 2, 2),
        ("app.messages", 7023, 0),
    ]
    assert [(each.agreed, each.by_rule, each.not_compared) for each in report.searches] == [
        (0, 0, 0),
        (7020, 20, 2),
    ]
    page = Page(render_html(report)).text
    markdown = render_markdown(report).replace("\\", "")
    for told in (
        "7,023",
        "25.4 %",
        "only the engine: string#5f1c and 11 more; only the database: int#77",
    ):
        assert told in page
        assert told in markdown
    assert "search_inside" in page
    assert json.loads(render_json(report))["searches"][1]["by_rule"] == 20
    without = build_report(evidence())
    assert "Searches" not in render_html(without) + render_markdown(without)


def test_the_settings_are_shown_by_name() -> None:
    page = page_of(evidence(about={"settings": '{"verifier": {"nice": 19}, "log": {}}'}))

    assert "verifier.nice" in page.text


def test_latency_is_told_with_what_it_lies_between() -> None:
    found = gates(Result.PASS)
    outcome = replace(
        found.collections[0].outcomes[0], gate=Gate.LATENCY_P95, value=1.25, low=1.1, high=1.5
    )
    collection = replace(found.collections[0], outcomes=(outcome,))

    page = page_of(evidence(gates=replace(found, collections=(collection,))))

    assert f"1.25{words.TIMES} (1.10{words.TIMES} {words.NONE} 1.50{words.TIMES})" in page.text


def test_flags_are_shown_with_their_roll_backs_and_the_gates_then() -> None:
    step = FlagChange(
        at_ns=START_NS,
        direction="reads",
        namespace="app.users",
        before="shadow",
        after="canary 5 %, else shadow",
        who="ada",
        why="<ticket> 17",
        gates=(GateThen(gate="samples", result=Result.PASS, found="9"),),
    )
    roll_back = FlagChange(
        at_ns=START_NS,
        direction="reads",
        namespace="app.users",
        before="canary 5 %, else shadow",
        after="shadow",
        who=PARALLAX,
        why=f"{ROLLED_BACK}mismatch of find",
        gates=(GateThen(gate="mismatches", result=Result.FAIL, found="1 in 9"),),
    )
    report = build_report(evidence(flags=(roll_back, step)))

    page, markdown = page_of(report.evidence), render_markdown(report)
    content = json.loads(render_json(report))["evidence"]["flags"]

    assert "Flags" in page.headings
    for shown in (page.text, markdown):
        assert "rolled back: mismatch of find" in shown
        assert "all passed" in shown
        assert "mismatches \N{MULTIPLICATION X} fail" in shown
    assert "<ticket> 17" in page.text
    assert "<ticket>" not in markdown
    assert [change["is_roll_back"] for change in content] == [True, False]


def test_coverage_is_a_statement_of_what_was_verified_and_what_became_of_the_rest() -> None:
    verdicts = {
        Verdict.MATCH: 900,
        Verdict.UNSUPPORTED: 60,
        Verdict.NOT_COMPARABLE: 30,
        Verdict.TIMEOUT: 10,
    }
    found = evidence(
        verdicts, reasons=(reason(Verdict.NOT_COMPARABLE, text=SAMPLED, n=20),), result=Result.PASS
    )
    report = build_report(found)

    assert report.coverage == (
        "Of 1,000 operations seen in 1 collection, 900 (90.0 %) were verified. Not verified: 60 unsupported, "
        "10 timeout, 30 not comparable, of which 20 sampled. "
        "Beside them 0 stored documents were compared after writes; 0 of 1 collection swept whole."
    )
    assert report.coverage in page_of(found).text
    assert json.loads(render_json(report))["coverage"] == report.coverage
    assert build_report(empty()).coverage == "No operation was seen, so that nothing is covered."


def test_faults_and_roll_backs_are_one_history() -> None:
    outage = EventEvidence(
        kind=EventKind.GATEWAY_OUTAGE,
        at_ns=START_NS,
        until_ns=START_NS + 90 * SECOND_NS,
        log="log-1",
        position=7,
        namespace="",
        n=1,
        detail="",
    )
    start = replace(outage, kind=EventKind.VERIFIER_STARTED, until_ns=None)
    roll_back = FlagChange(
        at_ns=START_NS + SECOND_NS,
        direction="reads",
        namespace="app.users",
        before="canary",
        after="shadow",
        who=PARALLAX,
        why=f"{ROLLED_BACK}mismatch of find",
    )
    by_hand = replace(roll_back, who="ada", why="lunch")
    report = build_report(evidence(events=(start, outage), flags=(roll_back, by_hand)))

    assert [fault.what for fault in report.faults] == [
        "reads set back from canary to shadow",
        "PostgreSQL did not answer",
    ]
    markdown = render_markdown(report).split("## Faults and roll-backs")[1].split("\n## ")[0]
    for shown in (page_of(report.evidence).text, markdown):
        assert "PostgreSQL did not answer" in shown
        assert "90.0 s" in shown
        assert "mismatch of find" in shown


def test_markdown_names_the_documents_that_differ_and_the_versions() -> None:
    document = DivergentDocument(
        namespace="app.users",
        document="string#5f1c",
        cause="the stored documents differ",
        state=DivergenceState.OPEN,
        since_ns=START_NS,
        changed_ns=START_NS,
        log="log-1",
        position=7,
    )
    settled = replace(document, document="string#0000", state=DivergenceState.REPAIRED)
    about = {"mongodb": "6.0.5", "postgresql": "18.6", "parallax": "0.1.0", "settings": "{}"}

    markdown = render_markdown(
        build_report(evidence(divergent=(document, settled), about=about), cutover=["Mirror: off."])
    )

    assert "string\\#5f1c" in markdown
    assert "string\\#0000" not in markdown
    assert "MongoDB 6.0.5, PostgreSQL 18.6, Parallax 0.1.0." in markdown
    assert "Mirror: off." in markdown
