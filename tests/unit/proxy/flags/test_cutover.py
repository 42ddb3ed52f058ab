from proxy.flags.cutover import is_cut_over, with_defaults
from proxy.flags.document import EMPTY, SHADOW, Said, said, with_flag
from proxy.flags.phases import Direction, Phase


def test_the_defaults_cut_over_in_both_directions_at_once() -> None:
    document = with_defaults(EMPTY, Phase.CUTOVER)

    assert {str(said(document, direction, "")) for direction in Direction} == {"cutover"}
    assert is_cut_over(document)
    assert not is_cut_over(with_defaults(document, Phase.GATEWAY))


def test_one_direction_alone_counts_as_a_cut_over_that_has_to_be_undone() -> None:
    document = with_flag(EMPTY, Direction.READS, "", Said(phase=Phase.CUTOVER))

    assert is_cut_over(document)


def test_a_direction_that_lacks_the_phase_is_in_shadow() -> None:
    document = with_defaults(EMPTY, Phase.OFF)

    assert said(document, Direction.READS, "") == Said(phase=Phase.OFF)
    assert said(document, Direction.WRITES, "") == SHADOW
