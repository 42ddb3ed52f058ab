from adapters.recommending import Features, recommended
from adapters.registry import adapters


def suited(features: Features) -> set[str]:
    return {each.adapter.name for each in recommended(features, adapters()) if each.suits}


def test_nothing_measured_recommends_nothing() -> None:
    assert recommended(Features(operations=0), adapters()) == ()


def test_plain_reads_by_key_suit_any_database_and_a_cache() -> None:
    found = suited(Features(operations=100, reads_by_id=80, writes=5))

    assert found == {"mongodb", "mysql", "postgresql", "redis", "sqlite"}


def test_many_writes_are_no_work_for_a_cache() -> None:
    assert "redis" not in suited(Features(operations=100, reads_by_id=60, writes=30))


def test_searches_want_an_index_of_words() -> None:
    assert "meilisearch" in suited(Features(operations=100, texts=2))
    assert "meilisearch" not in suited(Features(operations=1000, texts=2))


def test_a_database_without_what_is_used_does_not_suit_and_says_why() -> None:
    features = Features(operations=10, vectors=1)
    found = {each.adapter.name: each for each in recommended(features, adapters())}

    assert not found["postgresql"].suits
    assert found["postgresql"].reasons == (
        "lacks vector search, which 1 of 10 operations (10.0%) use",
    )
    assert recommended(features, adapters())[0].adapter.name == "meilisearch"
