"""The gates as JUnit: what CI systems show. A collection is a suite, a gate a test."""

from collections.abc import Iterable
from typing import Final
from xml.etree import ElementTree as ET

from dashboards.report.report import Report
from proxy.ledger.read import Gate, GateOutcome, Result

LEDGER: Final = "ledger"

_NOTHING: Final = GateOutcome(
    gate=Gate.SAMPLES,
    result=Result.INCONCLUSIVE,
    found="no operation was seen",
    wanted="at least one",
    missing="traffic",
)
"""A suite without tests would pass."""


def render_junit(report: Report) -> str:
    """Return the gates; an inconclusive one is an error, so that no CI shows it as passed."""
    gates = report.evidence.gates
    root = ET.Element("testsuites", name="parallax")
    for collection in gates.collections:
        _suite(root, collection.namespace, collection.outcomes)
    _suite(root, LEDGER, gates.ledger)
    if not gates.collections:
        _suite(root, "collections", [_NOTHING])
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(root: ET.Element, name: str, outcomes: Iterable[GateOutcome]) -> None:
    found = list(outcomes)
    suite = ET.SubElement(
        root,
        "testsuite",
        name=name,
        tests=str(len(found)),
        failures=str(sum(outcome.result is Result.FAIL for outcome in found)),
        errors=str(sum(outcome.result is Result.INCONCLUSIVE for outcome in found)),
    )
    for outcome in found:
        case = ET.SubElement(suite, "testcase", classname=name, name=outcome.gate.value)
        if outcome.result is Result.FAIL:
            ET.SubElement(case, "failure", message=_message(outcome))
        elif outcome.result is Result.INCONCLUSIVE:
            ET.SubElement(case, "error", type="inconclusive", message=_message(outcome))


def _message(outcome: GateOutcome) -> str:
    missing = f"; missing: {outcome.missing}" if outcome.missing else ""
    return f"{outcome.found}; asked for: {outcome.wanted}{missing}"
