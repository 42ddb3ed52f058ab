from dataclasses import replace

from proxy.shadow.debts import Debt, Debts

ONE, TWO = ("app.users", b"1"), ("app.users", b"2")
SURE = Debt(identifier=1, position=10)
DOUBTFUL = Debt(identifier=1, position=10, attempts=1)


def test_a_collection_is_doubtful_as_long_as_one_of_its_documents_is() -> None:
    debts = Debts()
    assert not set(debts.doubtful())

    debts.put(ONE, DOUBTFUL)
    debts.put(TWO, replace(SURE, excuse="why"))
    debts.put(("app.posts", b"1"), SURE)
    assert set(debts.doubtful()) == {"app.users"}

    assert debts.pop_first() == (ONE, DOUBTFUL)
    assert set(debts.doubtful()) == {"app.users"}
    debts.put(TWO, replace(SURE, generated=True))
    assert set(debts.doubtful()) == {"app.users"}
    debts.put(TWO, SURE)
    assert not set(debts.doubtful())

    debts.put(ONE, DOUBTFUL)
    debts.clear()
    assert not set(debts.doubtful())
    assert not len(debts)


def test_what_is_owed_anew_keeps_its_turn_unless_it_is_moved() -> None:
    debts = Debts()
    debts.put(ONE, SURE)
    debts.put(TWO, SURE)
    debts.put(ONE, DOUBTFUL)
    assert [place for place, _ in debts.items()] == [ONE, TWO]

    debts.move_to_end(ONE)
    assert debts.pop_first() == (TWO, SURE)
    assert debts.get(TWO) is None
    assert list(debts.values()) == [DOUBTFUL]
