from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from comparators import equivalence, ordering
from comparators.canonical import decode, encode
from comparators.operation import Kind
from comparators.verdict import Judgement, Verdict
from tests.unit.comparators.test_decision import changes, documents, judged

Document = dict[str, Any]

COUNTED: Document = {"$group": {"_id": 1, "n": {"$sum": 1}}}
A, B, C, D = ({"_id": n, "k": k} for n, k in ((1, 1), (2, 1), (3, 2), (4, 2)))


def find(legacy: list[Document], gateway: list[Document], **arguments: Any) -> Judgement:
    return judged(documents(*legacy), documents(*gateway), **arguments)


def aggregate(legacy: list[Document], gateway: list[Document], *stages: Document) -> Judgement:
    return judged(documents(*legacy), documents(*gateway), Kind.AGGREGATE, pipeline=list(stages))


def is_match(judgement: Judgement) -> bool:
    return judgement.verdict is Verdict.MATCH


def is_undecided(judgement: Judgement, reason: str) -> bool:
    return judgement.verdict is Verdict.NOT_COMPARABLE and judgement.reason == reason


def is_out_of_order(judgement: Judgement) -> bool:
    return judgement.verdict is Verdict.MISMATCH and changes(judgement) == [("", "order")]


@given(st.permutations([A, B, C, D]))
def test_without_a_sort_the_order_says_nothing(gateway: list[Document]) -> None:
    assert is_match(find([A, B, C, D], gateway))


@given(st.permutations([A, B, C, D]))
def test_with_a_sort_only_ties_may_swap(gateway: list[Document]) -> None:
    judgement = find([A, B, C, D], gateway, sort={"k": 1})

    keys = [document["k"] for document in gateway]
    assert is_match(judgement) if keys == sorted(keys) else is_out_of_order(judgement)


def test_a_sort_by_id_leaves_no_ties() -> None:
    assert is_out_of_order(find([A, B], [B, A], sort={"k": 1, "_id": 1}))


@pytest.mark.parametrize("arguments", [{}, {"sort": {"k": 1}}], ids=str)
def test_lost_and_extra_documents_are_named(arguments: dict[str, Any]) -> None:
    assert changes(find([A, B, C], [A, C], **arguments)) == [("", "document_missing")]
    assert changes(find([A, C], [A, B, C], **arguments)) == [("", "document_extra")]
    assert changes(find([A, A], [A], **arguments)) == [("", "document_missing")]


def test_documents_pair_by_id_wherever_they_stand() -> None:
    judgement = find([A, B, C], [C, A, B | {"k": 9}])

    assert changes(judgement) == [("k", "value")]


def test_ids_of_equal_numbers_pair_and_differ_in_type() -> None:
    assert changes(find([{"_id": 1}], [{"_id": 1.0}])) == [("_id", "type")]


def test_documents_without_ids_pair_with_the_most_similar() -> None:
    legacy = [{"a": 1, "b": 1}, {"a": 2, "b": 2}]
    gateway = [{"a": 2, "b": 3}, {"a": 1, "b": 1}]

    assert changes(find(legacy, gateway)) == [("b", "value")]


def test_a_changed_sort_field_does_not_hide_the_change() -> None:
    judgement = find([A, C], [A, C | {"k": 0}], sort={"k": 1})

    assert changes(judgement) == [("k", "value")]


def test_a_limit_without_a_sort_leaves_the_choice_of_documents() -> None:
    assert is_match(find([A, B], [B, A], limit=2))
    assert is_undecided(find([A, B], [C, B], limit=2), ordering.NO_ORDER)
    assert is_undecided(find([A, B], [C, B], skip=2), ordering.NO_ORDER)


def test_a_limit_without_a_sort_fixes_number_and_content() -> None:
    assert find([A, B], [A], limit=2).verdict is Verdict.MISMATCH
    assert find([A, B], [A, B, C], limit=2).verdict is Verdict.MISMATCH
    assert changes(find([A, B], [B | {"k": 5}, A], limit=2)) == [("k", "value")]


def test_at_the_cut_of_a_sorted_limit_ties_may_swap() -> None:
    assert is_undecided(find([A, B, C], [A, B, D], sort={"k": 1}, limit=3), ordering.TIES)
    assert is_undecided(find([B, C, D], [A, C, D], sort={"k": 1}, skip=1), ordering.TIES)


def test_away_from_the_cut_they_may_not() -> None:
    other = {"_id": 9, "k": 1}

    for judgement in (
        find([A, B, C], [A, other, C], sort={"k": 1}, limit=3),
        find([A, B, C], [A, B, D], sort={"k": 1}, limit=9),
        find([A, B, C], [A, B, D], sort={"k": 1, "_id": 1}, limit=3),
        find([A, B, C], [A, B, D | {"k": 3}], sort={"k": 1}, limit=3),
        find([A, B, C], [A, B], sort={"k": 1}, limit=3),
        find([A, C, D], [A, C, other], sort={"k": 1}, skip=1),
    ):
        assert judgement.verdict is Verdict.MISMATCH


def test_of_two_swapped_ties_at_the_cut_the_content_still_counts() -> None:
    judgement = find([A, B, C], [A | {"x": 1}, B, D], sort={"k": 1}, limit=3)

    assert judgement.verdict is Verdict.MISMATCH
    assert changes(judgement) == [("x", "extra_in_gateway")]


@pytest.mark.parametrize(
    ("projection", "hides"),
    [
        ({"name": 1}, True),
        ({"k": 0}, True),
        ({"k": {"$literal": 1}}, True),
        ({"k": 1}, False),
        ({"name": 0}, False),
        ({"name": {"$slice": 1}}, False),
    ],
    ids=str,
)
def test_a_hidden_sort_key_leaves_the_order_open(projection: Document, hides: bool) -> None:
    legacy, gateway = [A, C], [C, A]

    judgement = find(legacy, gateway, sort={"k": 1}, projection=projection)

    assert is_undecided(judgement, ordering.HIDDEN) if hides else is_out_of_order(judgement)


def test_the_visible_part_of_a_sort_still_counts() -> None:
    arguments: dict[str, Any] = {"sort": {"k": 1, "x": 1}, "projection": {"k": 1}}

    assert is_out_of_order(find([A, C], [C, A], **arguments))
    assert is_undecided(find([A, B], [B, A], **arguments), ordering.HIDDEN)


def test_a_collation_decides_the_order_as_far_as_it_is_known() -> None:
    def swapped(locale: str) -> Judgement:
        return find([A, C], [C, A], sort={"k": 1}, collation={"locale": locale})

    assert is_undecided(swapped("da"), ordering.COLLATION)
    assert is_out_of_order(swapped("en"))
    assert is_out_of_order(swapped("simple"))


def test_what_a_collation_does_not_tell_apart_may_swap() -> None:
    small, large = {"_id": 1, "k": "a"}, {"_id": 2, "k": "A"}

    for strength, verdict in ((2, Verdict.MATCH), (3, Verdict.MISMATCH)):
        collation = {"locale": "en", "strength": strength}
        judgement = find([small, large], [large, small], sort={"k": 1}, collation=collation)

        assert judgement.verdict is verdict


def prefix(legacy: list[Document], gateway: list[Document], **arguments: Any) -> Judgement:
    return judged(documents(*legacy, complete=False), documents(*gateway), **arguments)


def test_what_was_not_read_to_its_end_compares_as_a_prefix() -> None:
    assert is_match(prefix([A, B], [B, A, C, D], sort={"k": 1}))
    assert is_match(prefix([A, B], [C, B, D, A]))
    assert is_match(prefix([], [A, B]))


def test_a_prefix_must_be_one() -> None:
    assert prefix([A, B], [A, C, D]).verdict is Verdict.MISMATCH
    assert prefix([A, C], [A, B, C, D], sort={"k": 1}).verdict is Verdict.MISMATCH
    assert prefix([A, B], [A], sort={"k": 1}).verdict is Verdict.MISMATCH
    assert changes(prefix([A, B], [A, B | {"x": 1}, C])) == [("x", "extra_in_gateway")]


def test_a_prefix_may_end_among_ties() -> None:
    assert is_undecided(prefix([A], [B, A, C], sort={"k": 1}), ordering.TIES)


def expires_at_two(document: bytes) -> bool:
    return bool(decode(document)["k"] == 2)


def test_expired_documents_prove_nothing() -> None:
    def against(legacy: list[Document], gateway: list[Document], **arguments: Any) -> Judgement:
        return judged(documents(*legacy), documents(*gateway), expired=expires_at_two, **arguments)

    assert is_undecided(against([A, C], [A]), equivalence.EXPIRED)
    assert is_undecided(against([A], [A, D]), equivalence.EXPIRED)
    assert against([A, B, C], [A]).verdict is Verdict.MISMATCH
    assert changes(against([A, C], [A, C | {"x": 1}])) == [("x", "extra_in_gateway")]
    moved = against([C, A], [A, B], sort={"k": -1, "_id": 1}, limit=2)
    assert is_undecided(moved, equivalence.EXPIRED)


G1, G2 = {"_id": "a", "v": [1, 2]}, {"_id": "b", "v": [3]}
G1_SWAPPED = {"_id": "a", "v": [2, 1]}
G1_OTHER = {"_id": "a", "v": [1, 9]}


def group(operator: str) -> Document:
    return {"$group": {"_id": "$k", "v": {operator: "$x"}}}


def test_groups_have_no_order() -> None:
    assert is_match(aggregate([G1, G2], [G2, G1], group("$push")))
    assert is_out_of_order(aggregate([G1, G2], [G2, G1], group("$push"), {"$sort": {"_id": 1}}))


def test_sets_have_no_order_and_pushes_that_of_the_input() -> None:
    by_id: Document = {"$sort": {"_id": 1}}

    assert is_match(aggregate([G1], [G1_SWAPPED], group("$addToSet")))
    assert is_undecided(aggregate([G1], [G1_SWAPPED], group("$push")), ordering.INPUT_ORDER)
    assert changes(aggregate([G1], [G1_SWAPPED], by_id, group("$push"))) == [("v", "order")]
    for operator in ("$addToSet", "$push"):
        assert changes(aggregate([G1], [G1_OTHER], group(operator))) == [("v.1", "value")]


def test_first_depends_on_the_order_of_its_input() -> None:
    left, right = [{"_id": "a", "v": 1}], [{"_id": "a", "v": 2}]

    assert is_undecided(aggregate(left, right, group("$first")), ordering.INPUT_ORDER)
    sorted_first = aggregate(left, right, {"$sort": {"_id": 1}}, group("$first"))
    assert changes(sorted_first) == [("v", "value")]
    assert changes(aggregate(left, right, group("$sum"))) == [("v", "value")]


def test_a_freedom_that_is_computed_with_reaches_everything() -> None:
    judgement = aggregate(
        [{"_id": "a", "w": 1}],
        [{"_id": "a", "w": 2}],
        group("$push"),
        {"$project": {"w": {"$arrayElemAt": ["$v", 0]}}},
    )

    assert is_undecided(judgement, ordering.INPUT_ORDER)


def test_what_is_computed_from_documents_left_to_chance_proves_nothing() -> None:
    left, right = [{"_id": None, "n": 1}], [{"_id": None, "n": 2}]
    total: Document = {"$group": {"_id": None, "n": {"$sum": "$x"}}}

    assert is_undecided(aggregate(left, right, {"$limit": 5}, total), ordering.NO_ORDER)
    ties = aggregate(left, right, {"$sort": {"k": 1}}, {"$limit": 5}, total)
    assert is_undecided(ties, ordering.TIES)
    fixed = aggregate(left, right, {"$sort": {"_id": 1}}, {"$limit": 5}, total)
    assert fixed.verdict is Verdict.MISMATCH
    assert aggregate(left, right, total).verdict is Verdict.MISMATCH


def test_a_count_does_not_depend_on_which_documents_a_limit_lets_through() -> None:
    judgement = aggregate([{"n": 5}], [{"n": 4}], {"$limit": 5}, {"$count": "n"})

    assert changes(judgement) == [("n", "value")]


@pytest.mark.parametrize("key", [1, None, "all", {"$literal": "$k"}], ids=str)
@pytest.mark.parametrize("count", [{"$sum": 1}, {"$count": {}}], ids=str)
def test_a_group_that_only_counts_does_not_either(key: Any, count: Document) -> None:
    cut: tuple[Document, ...] = ({"$match": {"k": 1}}, {"$skip": 2}, {"$limit": 5})
    group: Document = {"$group": {"_id": key, "n": count}}

    judgement = aggregate([{"_id": key, "n": 5}], [{"_id": key, "n": 4}], *cut, group)

    assert changes(judgement) == [("n", "value")]


@pytest.mark.parametrize(
    "group",
    [{"_id": "$k", "n": {"$sum": 1}}, {"_id": 1, "n": {"$sum": {"$size": "$tags"}}}],
    ids=str,
)
def test_a_group_that_looks_at_the_documents_does(group: Document) -> None:
    judgement = aggregate(
        [{"_id": 1, "n": 5}], [{"_id": 1, "n": 4}], {"$limit": 5}, {"$group": group}
    )

    assert is_undecided(judgement, ordering.NO_ORDER)


def test_a_count_of_documents_chosen_at_random_proves_nothing() -> None:
    drawn: tuple[Document, ...] = ({"$sample": {"size": 9}}, {"$match": {"k": 1}})

    judgement = aggregate([{"_id": 1, "n": 5}], [{"_id": 1, "n": 4}], *drawn, COUNTED)

    assert is_undecided(judgement, ordering.RANDOM)


def test_joined_documents_have_no_order_of_their_own() -> None:
    lookup: Document = {"$lookup": {"from": "c", "localField": "a", "foreignField": "b", "as": "v"}}

    assert is_match(aggregate([G1], [G1_SWAPPED], lookup))
    assert changes(aggregate([G1], [G1_OTHER], lookup)) == [("v.1", "value")]


LOOKUP: Document = {"$lookup": {"from": "c", "localField": "a", "foreignField": "b", "as": "v"}}


def test_what_is_counted_of_joined_documents_is_fixed_and_what_is_picked_is_not() -> None:
    left, right = [{"_id": 1, "w": 1}], [{"_id": 1, "w": 2}]
    count: Document = {"$project": {"w": {"$size": "$v"}}}
    first: Document = {"$set": {"w": {"$arrayElemAt": ["$v", 0]}}}

    assert changes(aggregate(left, right, LOOKUP, count)) == [("w", "value")]
    assert is_undecided(aggregate(left, right, LOOKUP, first), ordering.INPUT_ORDER)
    other: list[Document] = [{"_id": 1, "w": 1, "x": 1}]
    assert changes(aggregate(left, other, LOOKUP, first)) == [("x", "extra_in_gateway")]


def test_a_freedom_follows_its_elements_to_another_field() -> None:
    rename: Document = {"$project": {"w": {"$map": {"input": "$v", "in": "$$this.name"}}}}
    left, right = [{"_id": 1, "w": [1, 2]}], [{"_id": 1, "w": [2, 1]}]

    assert is_match(aggregate(left, right, LOOKUP, rename))
    assert changes(aggregate(left, right, rename)) == [("w", "order")]


def test_a_sort_that_leaves_no_ties_fixes_the_joined_documents() -> None:
    sorted_lookup: Document = {
        "$lookup": {"from": "c", "pipeline": [{"$sort": {"k": 1, "_id": 1}}], "as": "v"}
    }

    assert changes(aggregate([G1], [G1_SWAPPED], sorted_lookup)) == [("v", "order")]


def test_unwound_items_of_one_document_keep_their_order() -> None:
    rows = [{"_id": 1, "v": 1}, {"_id": 1, "v": 2}, {"_id": 2, "v": 3}]
    swapped = [rows[1], rows[0], rows[2]]
    sort: Document = {"$sort": {"k": 1}}
    unwind: Document = {"$unwind": "$v"}

    assert is_out_of_order(aggregate(rows, swapped, {"$sort": {"_id": 1}}, unwind))
    assert is_undecided(
        aggregate(rows, [rows[2], *rows[:2]], sort, unwind, {"$unset": "k"}), ordering.HIDDEN
    )
    assert changes(aggregate(rows, [rows[0], rows[2]], unwind)) == [("", "document_missing")]
    assert is_match(aggregate(rows, swapped, unwind))


def test_each_facet_is_compared_by_its_own_pipeline() -> None:
    def facets(rows: list[Document], n: int) -> list[Document]:
        return [{"rows": rows, "sorted": [A, C], "count": [{"n": n}]}]

    stage = {"$facet": {"rows": [], "sorted": [{"$sort": {"k": 1}}], "count": [{"$count": "n"}]}}

    assert is_match(aggregate(facets([A, B], 1), facets([B, A], 1), stage))
    assert changes(aggregate(facets([A], 1), facets([A], 2), stage)) == [("count.*.n", "value")]
    swapped = [facets([], 1)[0] | {"sorted": [C, A]}]
    assert changes(aggregate(facets([], 1), swapped, stage)) == [("sorted", "order")]


WINDOWS: Document = {
    "$setWindowFields": {
        "sortBy": {"_id": 1},
        "output": {"n": {"$sum": "$k"}, "m": {"$max": "$k"}, "a.x": {"$min": "$k"}},
    }
}


def test_fields_of_windows_have_no_order_and_the_others_have() -> None:
    one = {"_id": 1, "k": 1, "n": 2, "m": 3}

    assert is_match(aggregate([one], [{"_id": 1, "k": 1, "m": 3, "n": 2}], WINDOWS))
    swapped = aggregate([one], [{"k": 1, "_id": 1, "n": 2, "m": 3}], WINDOWS)
    assert changes(swapped) == [("", "field_order")]
    assert changes(aggregate([one], [one | {"n": 5}], WINDOWS)) == [("n", "value")]


def test_a_window_over_ties_leaves_to_chance_what_depends_on_them() -> None:
    def over(operator: str, **window: Any) -> Document:
        output = {"n": {operator: "$x", **window}}
        return {"$setWindowFields": {"sortBy": {"k": 1}, "output": output}}

    left, right = [{"_id": 1, "n": 1}], [{"_id": 1, "n": 2}]
    running = {"window": {"documents": ["unbounded", "current"]}}

    assert changes(aggregate(left, right, over("$sum"))) == [("n", "value")]
    assert is_undecided(aggregate(left, right, over("$sum", **running)), ordering.INPUT_ORDER)
    assert is_undecided(aggregate(left, right, over("$first")), ordering.INPUT_ORDER)


def test_what_is_filled_over_ties_is_left_to_chance() -> None:
    left, right = [{"_id": 1, "n": 1}], [{"_id": 1, "n": 2}]

    def by(how: Document, path: str) -> Document:
        return {"$fill": {"sortBy": {path: 1}, "output": {"n": how}}}

    assert changes(aggregate(left, right, by({"method": "locf"}, "_id"))) == [("n", "value")]
    assert changes(aggregate(left, right, by({"value": 1}, "k"))) == [("n", "value")]
    assert is_undecided(aggregate(left, right, by({"method": "locf"}, "k")), ordering.INPUT_ORDER)


def test_random_documents_prove_nothing() -> None:
    assert is_undecided(aggregate([A], [B], {"$sample": {"size": 1}}), ordering.RANDOM)


def test_a_sample_of_everything_is_fixed_but_for_its_order() -> None:
    everything: Document = {"$sample": {"size": 5}}

    assert is_match(aggregate([A, B, C], [C, A, B], everything))
    assert aggregate([A, B], [A, C], everything).verdict is Verdict.MISMATCH


def test_of_a_sample_number_and_content_count() -> None:
    some: Document = {"$sample": {"size": 2}}

    assert is_undecided(aggregate([A, B], [A, C], some), ordering.RANDOM)
    assert aggregate([A, B], [A], some).verdict is Verdict.MISMATCH
    assert changes(aggregate([A, B], [A, B | {"k": 9}], some)) == [("k", "value")]
    assert is_undecided(aggregate([A], [B], some, {"$limit": 1}), ordering.NO_ORDER)
    assert is_undecided(aggregate([A], [B], some, {"$match": {"k": 1}}), ordering.RANDOM)


def test_a_stage_nobody_knows_proves_nothing() -> None:
    assert is_undecided(aggregate([A], [B], {"$vectorSearch": {}}), ordering.UNKNOWN_STAGE)


@given(
    legacy=st.lists(st.sampled_from([A, B, C, D]), max_size=5),
    gateway=st.lists(st.sampled_from([A, B, C, D]), max_size=5),
)
def test_without_a_cut_results_match_exactly_when_they_hold_the_same(
    legacy: list[Document], gateway: list[Document]
) -> None:
    same = sorted(map(encode, legacy)) == sorted(map(encode, gateway))

    assert is_match(find(legacy, gateway)) == is_match(find(gateway, legacy)) == same


@given(
    rows=st.lists(st.integers(0, 3), min_size=1, max_size=6),
    data=st.data(),
)
def test_any_other_document_in_a_sorted_result_is_found(
    rows: list[int], data: st.DataObject
) -> None:
    legacy: list[Document] = [{"_id": n, "k": k} for n, k in enumerate(sorted(rows))]
    position = data.draw(st.integers(0, len(rows) - 1))
    change = data.draw(st.sampled_from(["lose", "repeat", "value", "type", "field"]))
    gateway = [dict(document) for document in legacy]
    if change == "lose":
        del gateway[position]
    elif change == "repeat":
        gateway.insert(position, gateway[position])
    elif change == "field":
        gateway[position]["x"] = None
    else:
        old = gateway[position]["k"]
        gateway[position]["k"] = float(old) if change == "type" else old + 1
    assume(legacy)

    assert find(legacy, gateway, sort={"k": 1}).verdict is Verdict.MISMATCH
