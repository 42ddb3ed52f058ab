from proxy.capture.gap import GapReason
from proxy.capture.losses import MAX_COLLECTIONS, OVERHEAD_BYTES, Losses
from proxy.capture.record import RecordKind


def lose(losses: Losses, collection: str, request: bytes = b"") -> None:
    losses.lose(RecordKind.INTENT, 1, 2, 0, request, collection)


def test_writes_are_kept_up_to_the_bound_and_counted_beyond_it() -> None:
    losses = Losses(max_kept_bytes=2 * OVERHEAD_BYTES + 10)

    lose(losses, "a", b"12345")
    lose(losses, "b", b"12345")
    lose(losses, "c")
    gap = losses.gap(GapReason.WRITE_FAILED, 9)

    assert [kept.collection for kept in losses.take_kept()] == ["a", "b"]
    assert (gap.lost_writes, gap.in_doubt, gap.since_ns, gap.until_ns) == ({"c": 1}, 2, 2, 9)


def test_an_unanswered_reply_is_kept_beyond_the_bound() -> None:
    losses = Losses(max_kept_bytes=0)

    losses.lose(RecordKind.REPLY, 1, 2, 3, b"", "a")

    assert [(kept.kind, kept.intent) for kept in losses.take_kept()] == [(RecordKind.REPLY, 3)]


def test_room_is_given_back_by_what_is_taken() -> None:
    losses = Losses(max_kept_bytes=OVERHEAD_BYTES)
    lose(losses, "a")
    losses.take_kept()

    lose(losses, "a")

    assert losses.lost_writes == 0
    assert losses.kept_bytes == OVERHEAD_BYTES


def test_what_was_told_is_not_told_again() -> None:
    losses = Losses(max_kept_bytes=0)
    losses.drop_read("a", 5)
    lose(losses, "b")
    losses.lose(RecordKind.CLOSED, 1, 2, 0, b"", "")
    before = losses.gap(GapReason.SOFT_LIMIT, 9)

    losses.told(9)

    assert (before.dropped_reads, before.lost_writes, before.lost_closings) == (
        {"a": 1},
        {"b": 1},
        1,
    )
    assert not losses
    assert (losses.dropped_reads, losses.lost_writes) == (1, 1)


def test_forfeited_writes_are_lost() -> None:
    losses = Losses(max_kept_bytes=10_000)
    lose(losses, "a")

    losses.forfeit()

    assert losses.gap(GapReason.WRITE_FAILED, 9).lost_writes == {"a": 1}


def test_ever_new_collections_do_not_take_ever_more_memory() -> None:
    losses = Losses(max_kept_bytes=0)

    for number in range(MAX_COLLECTIONS + 10):
        losses.drop_read(f"c{number}", 1)
    dropped = losses.gap(GapReason.SOFT_LIMIT, 9).dropped_reads

    assert len(dropped) == MAX_COLLECTIONS + 1
    assert dropped["*"] == 10


def test_a_second_gap_begins_where_the_first_ended_while_writes_wait() -> None:
    losses = Losses(max_kept_bytes=10_000)
    lose(losses, "a")

    losses.told(9)

    assert losses.gap(GapReason.HARD_LIMIT, 12).since_ns == 9


def test_a_name_longer_than_any_collection_has_is_cut() -> None:
    losses = Losses(max_kept_bytes=0)

    losses.drop_read("x" * 100_000, 1)

    assert losses.gap(GapReason.SOFT_LIMIT, 9).dropped_reads == {"x" * 255: 1}
