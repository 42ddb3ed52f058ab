from proxy.shadow.budget import Budget

SECOND_NS = 1_000_000_000


def test_it_is_spent_beyond_its_seconds() -> None:
    budget = Budget(2.0)
    budget.look(10 * SECOND_NS)

    assert not budget.is_spent(8 * SECOND_NS)
    assert budget.is_spent(8 * SECOND_NS - 1)


def test_without_a_limit_it_never_is() -> None:
    budget = Budget(0)
    budget.look(1 << 62)

    assert not budget.is_spent(0)


def test_of_each_shape_one_is_compared_in_each_second_of_the_log() -> None:
    budget = Budget(1.0)
    spared = [budget.spares(shape, at) for at in (0, 5, SECOND_NS) for shape in ("a", "b", "a")]

    assert spared == [False, False, True, True, True, True, False, False, True]
