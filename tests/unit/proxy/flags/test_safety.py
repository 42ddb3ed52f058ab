from dataclasses import replace
from typing import Any

import pytest

from comparators.verdict import Verdict
from proxy.flags.document import SHADOW, Said
from proxy.flags.phases import Phase
from proxy.flags.safety import Grounds, objections
from proxy.ledger.conclusion import LedgerFacts, ledger_gates
from proxy.ledger.fillings import FillingState
from proxy.ledger.gates import gates_of
from tests.unit.proxy.ledger.facts import CLEAN, UNASKED

GATEWAY = Said(phase=Phase.GATEWAY)
TENTH = Said(phase=Phase.CANARY, percent=10)


def grounds(*, ledger: LedgerFacts | None = None, **facts: Any) -> Grounds:
    collection = gates_of(replace(CLEAN, **facts), UNASKED).outcomes
    return Grounds(
        gates=(*collection, *ledger_gates(ledger or LedgerFacts())),
        filling=None,
        verified=100,
        silent_s=1.0,
        unsupported=("$where in find users {$where:?}",),
    )


def against(found: Grounds, *, before: Said = SHADOW, after: Said = GATEWAY) -> list[str]:
    return list(objections(before, after, namespace="app.users", grounds=found))


def test_nothing_speaks_against_what_passes() -> None:
    assert against(grounds()) == []


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (grounds(open_divergences=1), "gate divergence: 1 document differs now"),
        (grounds(verdicts={Verdict.MISMATCH: 1, Verdict.MATCH: 99}), "gate mismatches"),
        (grounds(lost_writes=1), "gate losses"),
        (grounds(ledger=LedgerFacts(backlog=5, behind_s=90)), "gate verifier: 90 s behind"),
        (grounds(ledger=LedgerFacts(capture_gaps=1)), "gate capture_log"),
        (replace(grounds(), silent_s=300.0), "no verifier has written for 5 min"),
        (replace(grounds(), silent_s=None), "no verifier has written: nothing would set it back"),
        (replace(grounds(), filling=FillingState.COPYING), "`parallax backfill`"),
        (replace(grounds(), gates=()), "nothing of it was verified"),
    ],
)
def test_each_reason_is_told(found: Grounds, reason: str) -> None:
    told = against(found)

    assert len(told) == 1
    assert reason in told[0]


def test_what_the_gateway_does_not_support_is_named() -> None:
    told = against(grounds(verdicts={Verdict.UNSUPPORTED: 2, Verdict.MATCH: 98}))

    assert told[0].startswith("gate unsupported: 2 operations")
    assert told[1] == "unsupported: $where in find users {$where:?}"


def test_to_answer_less_is_always_allowed() -> None:
    bad = grounds(open_divergences=1)

    assert against(bad, before=GATEWAY, after=TENTH) == []
    assert against(bad, before=GATEWAY, after=SHADOW) == []
    assert against(bad, before=TENTH, after=GATEWAY)


def test_the_default_has_no_evidence() -> None:
    assert list(objections(SHADOW, GATEWAY, namespace="", grounds=grounds())) == [
        "evidence is of single collections, and the default is of all"
    ]


def test_writes_that_wait_take_evidence_and_need_none_to_wait_no_more() -> None:
    bad = grounds(open_divergences=1)
    dual = Said(phase=Phase.DUAL)

    assert against(bad, after=dual)
    assert against(bad, before=dual, after=TENTH), "to answer is more than to be waited for"
    assert against(bad, before=GATEWAY, after=dual) == []
    assert against(bad, before=dual, after=SHADOW) == []
