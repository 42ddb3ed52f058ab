"""Which searches are compared; what they come to is tested with the API, on both databases."""

from adapters.postgresql.gateway import PostgresGateway
from adapters.search.searching import DATABASE, ENGINE, Found, Search, Wish
from comparators.verdict import Verdict
from proxy.searches.comparing import WAITING, Comparing

WISH = Wish(text="tea", owner="ada", entities=["Message"], fields={})
BY_ENGINE = Found(hits=(), about=0, by=ENGINE)


def comparing(told: list[tuple[str, Verdict]], *, share: float) -> Comparing:
    search = Search(PostgresGateway("postgresql://127.0.0.1:1/none"), "app")
    return Comparing(
        search,
        name="app",
        share=share,
        rank_tolerance=None,
        judged=lambda comparison: told.append((comparison.namespace, comparison.verdict)),
    )


def test_no_more_wait_than_there_is_room_for_and_the_others_are_counted() -> None:
    told: list[tuple[str, Verdict]] = []
    compared = comparing(told, share=1)

    for _ in range(WAITING + 2):
        compared.answered(WISH, BY_ENGINE)

    assert told == [("app.messages", Verdict.DROPPED)] * 2
    assert compared.totals() == {"dropped": 2}


def test_of_a_share_every_so_many_are_compared_and_of_the_databases_own_none() -> None:
    told: list[tuple[str, Verdict]] = []
    compared = comparing(told, share=0.25)

    for _ in range(4 * WAITING + 3):
        compared.answered(WISH, BY_ENGINE)
        compared.answered(WISH, Found(hits=(), about=0, by=DATABASE))
    assert told == []

    compared.answered(WISH, BY_ENGINE)
    assert told == [("app.messages", Verdict.DROPPED)]
