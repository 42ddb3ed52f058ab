from comparators.verdict import Verdict
from proxy.cli.adapters import features_of
from proxy.ledger.evidence import Latency, ShapeEvidence, Tally

NO_LATENCY = Latency(legacy=None, gateway=None, overhead=None, compare=None)


def shape(kind: str, text: str, n: int) -> ShapeEvidence:
    return ShapeEvidence(
        namespace="chat.c",
        kind=kind,
        id=text,
        text=text,
        tally=Tally(verdicts={Verdict.MATCH: n}),
        latency=NO_LATENCY,
        answers={},
        first_ns=0,
        last_ns=0,
    )


def test_what_shapes_ask_of_a_database_is_counted() -> None:
    features = features_of(
        [
            shape("find", "c.find filter{_id:=}", 5),
            shape("find", "c.find filter{a:{$regex},$text}", 3),
            shape("aggregate", "c.aggregate [$lookup{from:u}]", 2),
            shape("update", "c.update", 4),
            shape("state", "c.state", 100),
        ]
    )

    assert features.operations == 14
    assert (features.reads_by_id, features.texts, features.joins) == (5, 3, 2)
    assert (features.writes, features.vectors) == (4, 0)
