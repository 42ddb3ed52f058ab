from proxy.shadow.traced_writes import TracedWrite, TracedWrites
from proxy.tracing.trail import ids_of


def test_the_oldest_writes_are_forgotten() -> None:
    writes = TracedWrites()
    for position in range(30_000):
        writes.note(position, TracedWrite(None, ids_of("a log", position, None)))

    assert writes.of(29_999) == TracedWrite(None, ids_of("a log", 29_999, None))
    assert writes.of(0) is None
