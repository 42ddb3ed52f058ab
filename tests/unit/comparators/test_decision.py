from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from bson.int64 import Int64
from bson.objectid import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from comparators.canonical import encode
from comparators.change import ChangeKind
from comparators.decision import MAX_DIFFERENCES, decide, decide_state
from comparators.operation import Kind, Operation
from comparators.outcome import (
    Acknowledgement,
    Count,
    Documents,
    Done,
    Failure,
    Modified,
    Outcome,
    Result,
    Values,
    WriteError,
)
from comparators.rules import Rules
from comparators.verdict import Judgement, Verdict
from tests.unit.comparators.strategies import values

NO_RULES = Rules()
Document = dict[str, Any]


def operation(kind: Kind = Kind.FIND, **arguments: Any) -> Operation:
    return Operation(database="app", collection="users", kind=kind, arguments=arguments)


def outcome(result: Result) -> Outcome:
    return Outcome(result=result, duration_s=0.001)


def documents(*items: Document, complete: bool = True) -> Documents:
    return Documents(documents=tuple(encode(item) for item in items), complete=complete)


def judged(
    legacy: Result,
    gateway: Result,
    kind: Kind = Kind.FIND,
    *,
    rules: Rules = NO_RULES,
    expired: Callable[[bytes], bool] | None = None,
    **arguments: Any,
) -> Judgement:
    return decide(
        operation(kind, **arguments), outcome(legacy), outcome(gateway), rules, expired=expired
    )


def changes(judgement: Judgement) -> list[tuple[str, str]]:
    return [(each.exact, each.kind.value) for each in judgement.differences]


def test_acknowledgements_compare_counts_ids_and_codes() -> None:
    legacy = Acknowledgement(
        n=2, modified=1, upserted=((0, 1),), errors=(WriteError(index=1, code=11000),)
    )

    assert judged(legacy, legacy, Kind.UPDATE).verdict is Verdict.MATCH
    for gateway, expected in [
        (Acknowledgement(n=1, modified=1, upserted=legacy.upserted, errors=legacy.errors), "n"),
        (
            Acknowledgement(n=2, modified=0, upserted=legacy.upserted, errors=legacy.errors),
            "modified",
        ),
        (
            Acknowledgement(n=2, modified=1, upserted=((0, Int64(1)),), errors=legacy.errors),
            "upserted.0",
        ),
        (Acknowledgement(n=2, modified=1, upserted=(), errors=legacy.errors), "upserted.0"),
        (Acknowledgement(n=2, modified=1, upserted=legacy.upserted), "errors.1"),
        (
            Acknowledgement(
                n=2, modified=1, upserted=((0, 1),), errors=(WriteError(index=1, code=2),)
            ),
            "errors.1",
        ),
    ]:
        judgement = judged(legacy, gateway, Kind.UPDATE)
        assert judgement.verdict is Verdict.MISMATCH
        assert [each.exact for each in judgement.differences] == [expected]


def test_a_count_that_the_command_does_not_report_is_not_compared() -> None:
    left, right = Acknowledgement(n=1, modified=None), Acknowledgement(n=1, modified=1)

    assert judged(left, right, Kind.UPDATE).verdict is Verdict.MATCH


@pytest.mark.parametrize("other", [{"email": 1.0}, {"name": 1}, {"email": -1}])
def test_duplicate_keys_compare_their_index_where_both_sides_name_it(other: Document) -> None:
    def error(pattern: Document | None) -> Acknowledgement:
        return Acknowledgement(n=0, errors=(WriteError(index=0, code=11000, key_pattern=pattern),))

    same = judged(error({"email": 1}), error(other), Kind.INSERT)
    unnamed = judged(error({"email": 1}), error(None), Kind.INSERT)

    assert same.verdict is (Verdict.MATCH if other == {"email": 1.0} else Verdict.MISMATCH)
    assert unnamed.verdict is Verdict.MATCH


def test_failures_compare_by_code_and_name() -> None:
    failure = Failure(code=2, code_name="BadValue")

    assert judged(failure, Failure(code=2, code_name="BadValue")).verdict is Verdict.MATCH
    assert judged(failure, Failure(code=2, code_name="Other")).verdict is Verdict.MISMATCH
    judgement = judged(failure, Failure(code=9, code_name="FailedToParse"))
    assert changes(judgement) == [("", "error")]
    assert judgement.fingerprint is not None
    assert judgement.fingerprint.endswith("(whole) error error 2 → error 9")


@pytest.mark.parametrize("gateway", [documents(), Count(n=0), Done(), Values(values=())])
def test_an_error_on_one_side_is_a_mismatch(gateway: Result) -> None:
    failure = Failure(code=2, code_name="BadValue")

    for judgement in (judged(failure, gateway), judged(gateway, failure)):
        assert judgement.verdict is Verdict.MISMATCH
        assert changes(judgement) == [("", "error")]


def test_counts_compare() -> None:
    assert judged(Count(n=1), Count(n=1), Kind.COUNT).verdict is Verdict.MATCH
    assert changes(judged(Count(n=1), Count(n=2), Kind.COUNT)) == [("n", "count")]


def test_done_is_done() -> None:
    assert judged(Done(), Done(), Kind.CREATE).verdict is Verdict.MATCH


@given(st.lists(values(max_leaves=3), max_size=5), st.randoms())
def test_distinct_values_have_no_order(items: list[Any], random: Any) -> None:
    shuffled = random.sample(items, len(items))

    judgement = judged(Values(values=tuple(items)), Values(values=tuple(shuffled)), Kind.DISTINCT)

    assert judgement.verdict is Verdict.MATCH


def test_distinct_values_compare_with_their_types() -> None:
    typed = judged(Values(values=(1, "a")), Values(values=("a", 1.0)), Kind.DISTINCT)
    lost = judged(Values(values=(1, None)), Values(values=(1,)), Kind.DISTINCT)
    extra = judged(Values(values=()), Values(values=({"a": 1},)), Kind.DISTINCT)
    twice = judged(Values(values=(1, 1)), Values(values=(1,)), Kind.DISTINCT)

    assert changes(typed) == [("values.*", "type")]
    assert changes(lost) == [("values.*", "missing_in_gateway")]
    assert changes(extra) == [("values.*", "extra_in_gateway")]
    assert changes(twice) == [("values.*", "missing_in_gateway")]


def test_an_optional_null_of_distinct_may_be_given_or_not() -> None:
    gateway = Values(values=(1,), optional=(None,))

    given = judged(Values(values=(None, 1)), gateway, Kind.DISTINCT)
    left_out = judged(Values(values=(1,)), gateway, Kind.DISTINCT)
    lost = judged(Values(values=(None, 1, 2)), gateway, Kind.DISTINCT)

    assert given.verdict is Verdict.MATCH
    assert left_out.verdict is Verdict.MATCH
    assert changes(lost) == [("values.*", "missing_in_gateway")]


def modified(document: Document | None, **fields: Any) -> Modified:
    raw = None if document is None else encode(document)
    return Modified(document=raw, n=fields.pop("n", 1), **fields)


def test_find_and_modify_compares_document_and_effect() -> None:
    legacy = modified({"_id": 1, "a": 1}, updated_existing=True)

    def against(gateway: Modified) -> list[tuple[str, str]]:
        return changes(judged(legacy, gateway, Kind.FIND_AND_MODIFY, query={"_id": 1}))

    assert against(modified({"_id": 1, "a": 1}, updated_existing=True)) == []
    assert against(modified({"_id": 1, "a": 2}, updated_existing=True)) == [("a", "value")]
    assert against(modified(None, updated_existing=True)) == [("", "document_missing")]
    assert against(modified({"_id": 1, "a": 1}, n=0, updated_existing=True)) == [("n", "count")]
    assert against(modified({"_id": 1, "a": 1}, updated_existing=False)) == [
        ("updatedExisting", "value")
    ]
    assert against(modified({"_id": 1, "a": 1}, updated_existing=True, upserted_id=1)) == [
        ("upserted", "extra_in_gateway")
    ]


def test_find_and_modify_may_choose_among_several_documents() -> None:
    left, right = modified({"_id": 1, "a": 1}), modified({"_id": 2, "a": 1})
    kind = Kind.FIND_AND_MODIFY

    assert judged(left, right, kind, query={"a": 1}).verdict is Verdict.NOT_COMPARABLE
    assert judged(left, right, kind, query={"_id": 1}).verdict is Verdict.MISMATCH
    assert judged(left, right, kind, query={}, sort={"a": 1}).verdict is Verdict.NOT_COMPARABLE
    assert judged(left, right, kind, query={}, sort={"_id": 1}).verdict is Verdict.MISMATCH


def rules(**changed: str) -> Rules:
    table = {
        "name": '"r"',
        "effect": '"ignore"',
        "collection": '"users"',
        "path": '"a"',
        "owner": '"o"',
        "reason": '"r"',
        "expires": "2027-01-01",
    } | changed
    text = "[[rule]]\n" + "\n".join(f"{key} = {value}" for key, value in table.items())
    return Rules.parse(text, where="rules", today=date(2026, 1, 1))


def test_what_rules_excuse_is_a_match_by_rule_with_its_hits() -> None:
    legacy = documents({"_id": 1, "a": 1}, {"_id": 2, "a": 1})
    gateway = documents({"_id": 1, "a": 2}, {"_id": 2, "a": 2})

    judgement = judged(legacy, gateway, rules=rules())

    assert judgement == Judgement(verdict=Verdict.MATCH_BY_RULE, rules=("r", "r"))


def test_one_difference_without_a_rule_is_a_mismatch() -> None:
    legacy = documents({"_id": 1, "a": 1, "b": 1})
    gateway = documents({"_id": 1, "a": 2, "b": 2})

    judgement = judged(legacy, gateway, rules=rules())

    assert judgement.verdict is Verdict.MISMATCH
    assert changes(judgement) == [("b", "value")]
    assert judgement.rules == ("r",)


def test_no_number_of_excused_differences_hides_one_that_is_not() -> None:
    wide = {f"k{n}": n for n in range(500)}
    legacy = documents({"_id": 1, "a": wide, "z": 1})
    gateway = documents({"_id": 1, "a": dict.fromkeys(wide, -1), "z": 2})

    judgement = judged(legacy, gateway, rules=rules())

    assert changes(judgement) == [("z", "value")]


def test_differences_are_bounded_and_show_each_class() -> None:
    legacy = documents({"_id": 1, "items": list(range(400)), "z": 1})
    gateway = documents({"_id": 1, "items": [-n for n in range(1, 401)], "z": 2})

    judgement = judged(legacy, gateway)

    assert len(judgement.differences) <= MAX_DIFFERENCES
    assert {each.path for each in judgement.differences} == {"items.*", "z"}


def test_fingerprints_hold_no_value_and_group_alike() -> None:
    def fingerprint(value: str) -> str | None:
        legacy = documents({"_id": ObjectId(), "a": [{"at": "x"}]})
        decoded = ObjectId(legacy.documents[0][9:21])
        return judged(legacy, documents({"_id": decoded, "a": [{"at": value}]})).fingerprint

    assert fingerprint("secret") == fingerprint("other")
    assert str(fingerprint("secret")).endswith("a.*.at value")


def test_states_compare_as_documents() -> None:
    one, two = encode({"_id": 1, "a": 1}), encode({"_id": 1, "a": 2})

    def of(legacy: bytes | None, gateway: bytes | None) -> list[tuple[str, str]]:
        return changes(decide_state("app.users", legacy, gateway, NO_RULES))

    assert decide_state("app.users", one, bytes(one), NO_RULES).verdict is Verdict.MATCH
    assert decide_state("app.users", None, None, NO_RULES).verdict is Verdict.MATCH
    assert of(one, two) == [("a", "value")]
    assert of(one, None) == [("", "document_missing")]
    assert of(None, one) == [("", "document_extra")]


def test_rules_for_states_name_the_kind() -> None:
    one, two = encode({"_id": 1, "a": 1}), encode({"_id": 1, "a": 2})

    for kinds, verdict in [
        ('["state"]', Verdict.MATCH_BY_RULE),
        ('["find"]', Verdict.MISMATCH),
    ]:
        judgement = decide_state("app.users", one, two, rules(kinds=kinds))
        assert judgement.verdict is verdict


def test_the_order_of_fields_is_its_own_change() -> None:
    judgement = judged(documents({"_id": 1, "a": 1}), documents({"a": 1, "_id": 1}))

    assert [each.kind for each in judgement.differences] == [ChangeKind.FIELD_ORDER]
