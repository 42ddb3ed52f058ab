import re
from pathlib import Path

from comparators.verdict import Verdict
from proxy.ledger.conclusion import MAX_BEHIND_S
from proxy.ledger.entries import DivergenceState
from proxy.ledger.gates import Result
from proxy.ledger.tables import ledger

DOCS = Path(__file__).parents[4] / "docs"


def test_every_table_is_in_the_reference() -> None:
    text = (DOCS / "ledger.md").read_text()
    section = text.split("## What it holds")[1].split("##")[0]
    rows = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)

    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(ledger.tables)


def test_every_state_of_a_divergence_is_in_the_reference() -> None:
    text = (DOCS / "ledger.md").read_text()

    assert [state for state in DivergenceState if f"`{state.value}`" not in text] == []


def test_the_rule_of_the_report_names_every_verdict_and_result() -> None:
    text = (DOCS / "report.md").read_text()

    assert [verdict for verdict in Verdict if f"`{verdict.value}`" not in text] == []
    assert [result for result in Result if f"**{result.value.title()}**" not in text] == []
    assert f"more than {MAX_BEHIND_S} s behind" in text
