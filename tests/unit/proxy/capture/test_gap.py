from hypothesis import given
from hypothesis import strategies as st

from proxy.capture.gap import Gap, GapReason

counts = st.dictionaries(st.text(), st.integers(min_value=1, max_value=2**40), max_size=4)


@given(
    st.builds(
        Gap,
        reason=st.sampled_from(GapReason),
        since_ns=st.integers(min_value=0, max_value=2**62),
        until_ns=st.integers(min_value=0, max_value=2**62),
        dropped_reads=counts,
        lost_writes=counts,
        in_doubt=st.integers(min_value=0, max_value=2**31),
        lost_closings=st.integers(min_value=0, max_value=2**31),
    )
)
def test_a_gap_comes_back_as_it_was_whatever_a_collection_is_called(gap: Gap) -> None:
    assert Gap.decode(gap.encode()) == gap


def test_a_name_that_is_no_text_is_told_all_the_same() -> None:
    gap = Gap(reason=GapReason.SOFT_LIMIT, since_ns=1, until_ns=2, dropped_reads={"shop.\udc80": 3})

    assert Gap.decode(gap.encode()).dropped_reads == {"shop.?": 3}
