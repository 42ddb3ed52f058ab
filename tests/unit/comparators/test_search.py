import pytest

from comparators.search import INSIDE, RANK, TOLERANCE, Aspect, Results, compare, swapped
from comparators.verdict import Judgement, Verdict


def results(*texts: str, scores: tuple[float, ...] | None = None, complete: bool = True) -> Results:
    keyed = {text.encode(): text for text in texts}
    ranks = None if scores is None else dict(zip(keyed, scores, strict=True))
    return Results(texts=keyed, is_complete=complete, scores=ranks)


def judged(words: str, engine: Results, database: Results) -> Judgement:
    return compare(words, engine, database, rank_tolerance=0.2).judgement


def test_the_same_documents_in_any_order_match_where_one_does_not_rank() -> None:
    engine = results("tea for two", "green tea", scores=(2, 1))

    assert judged("tea", engine, results("green tea", "tea for two")).verdict is Verdict.MATCH


@pytest.mark.parametrize(
    ("words", "text", "rule"),
    [
        ("postgers", "PostgreSQL is here", TOLERANCE),
        ("cafe", "the café", TOLERANCE),
        ("don't", "don t", TOLERANCE),
        ("plna", "plan", None),
        ("tea", "the weather", None),
        ("weather", "the weather", None),
    ],
)
def test_what_only_the_engine_finds_is_explained_by_its_tolerance_or_by_nothing(
    words: str, text: str, rule: str | None
) -> None:
    found = judged(words, results(text), results())

    assert found.rules == (() if rule is None else (rule,))
    assert found.verdict is (Verdict.MISMATCH if rule is None else Verdict.MATCH_BY_RULE)


@pytest.mark.parametrize(
    ("words", "text", "rule"),
    [
        ("tea", "a steam engine", INSIDE),
        ("te green", "green tea", INSIDE),
        ("green te", "green tea", None),
        ("tea", "Tea!", None),
    ],
)
def test_what_only_the_database_finds_is_inside_of_a_word_or_missing(
    words: str, text: str, rule: str | None
) -> None:
    found = judged(words, results(), results(text))

    assert found.rules == (() if rule is None else (rule,))
    assert found.verdict is (Verdict.MISMATCH if rule is None else Verdict.MATCH_BY_RULE)


def test_ranks_are_compared_where_both_rank() -> None:
    texts = ("tea a", "tea b", "tea c", "tea d")
    engine = results(*texts, scores=(4, 3, 2, 1))

    assert judged("tea", engine, results(*texts, scores=(9, 7, 7, 5))) == Judgement(
        verdict=Verdict.MATCH
    )
    assert judged("tea", engine, results(*texts, scores=(9, 7, 5, 6))).rules == (RANK,)
    upside_down = judged("tea", engine, results(*texts, scores=(1, 2, 3, 4)))
    assert (upside_down.verdict, upside_down.reason) == (
        Verdict.MISMATCH,
        "the rankings differ",
    )


def test_a_pair_that_one_does_not_tell_apart_says_nothing() -> None:
    assert swapped({b"a": 1, b"b": 2, b"c": 3}, {b"a": 1, b"b": 1, b"d": 0}) == 0.0
    assert swapped({b"a": 1, b"b": 2, b"c": 3}, {b"a": 3, b"b": 2, b"c": 2}) == 1.0


def test_what_is_not_complete_cannot_be_compared() -> None:
    found = judged("tea", results("tea"), results("green tea", complete=False))

    assert found.verdict is Verdict.NOT_COMPARABLE


def test_what_one_path_alone_finds_and_nothing_explains_is_named_and_in_what_they_differ() -> None:
    engine = results("tea", "teapot", "the weather", "postgers", scores=(4, 3, 2, 1))
    database = results("tea", "green tea", "steam")

    found = compare("tea", engine, database, rank_tolerance=0.2)

    assert (found.aspect, found.judgement.reason) == (
        Aspect.CONTENT,
        "only the engine finds a document",
    )
    assert found.engine_alone == (b"teapot", b"the weather", b"postgers")
    assert found.database_alone == (b"green tea",)


def test_it_is_told_whether_ranks_were_compared_and_how_many_pairs_are_swapped() -> None:
    texts = ("tea a", "tea b", "tea c", "tea d")
    engine = results(*texts, scores=(4, 3, 2, 1))

    ranked = compare("tea", engine, results(*texts, scores=(9, 7, 5, 6)), rank_tolerance=0.2)
    unranked = compare("tea", engine, results(*texts), rank_tolerance=0.2)
    incomplete = compare("tea", engine, results(complete=False), rank_tolerance=0.2)

    assert (ranked.aspect, ranked.swapped) == (Aspect.RANK, 1 / 6)
    assert (unranked.aspect, unranked.swapped) == (Aspect.CONTENT, 0.0)
    assert incomplete.aspect is None
