"""Each difference of docs/known-differences.md still exists: a test that fails here is a difference that is gone.

A test is named after the number of its entry, and the page has no entry without a test or a word on why not.
"""

import re
from pathlib import Path
from typing import Any, Final

import bson
import pytest
from bson.dbref import DBRef
from bson.min_key import MinKey
from bson.raw_bson import RawBSONDocument

from adapters.gateway import Generated
from comparators.canonical import decode, encode
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Documents, Done, Failure, Result
from tests.differential.twins import RAW, Twins

PAGE: Final = Path(__file__).parents[2] / "docs" / "known-differences.md"
ENTRY: Final = re.compile(r"^## (\d+)\. ", re.MULTILINE)
NOT_SHOWN: Final = "Not shown by a test"


async def inserted(twins: Twins, *documents: dict[str, Any]) -> None:
    legacy, gateway = await twins.run(Kind.INSERT, documents=list(documents))
    assert legacy == gateway == Acknowledgement(n=len(documents), modified=None)


async def stored(twins: Twins, raw: bytes) -> None:
    """Insert on both sides: into MongoDB the bytes, into the gateway what the verifier decodes of them."""
    things = twins.mongo.get_collection("things", codec_options=RAW)
    await things.insert_one(RawBSONDocument(raw, RAW))
    operation = Operation(
        database="twin",
        collection="things",
        kind=Kind.INSERT,
        arguments={"documents": [decode(raw)]},
    )
    await twins.gateway.run(operation, generated=Generated(now_ms=0))


async def indexed(twins: Twins, name: str, key: dict[str, Any]) -> None:
    legacy, gateway = await twins.run(Kind.CREATE_INDEXES, indexes=[{"name": name, "key": key}])
    assert legacy == gateway == Done()


async def piped(twins: Twins, *stages: dict[str, Any]) -> tuple[Any, Any]:
    legacy, gateway = await twins.run(Kind.AGGREGATE, pipeline=list(stages))
    return shown(legacy), shown(gateway)


def shown(result: Result | str) -> Any:
    """Return documents as values, a failure as its code, and what is unsupported by its name."""
    if isinstance(result, Documents):
        return [decode(each) for each in result.documents]
    return result.code if isinstance(result, Failure) else result


def test_every_entry_is_shown_or_says_why_not() -> None:
    _before, *parts = ENTRY.split(PAGE.read_text())
    entries = dict(zip(map(int, parts[::2]), parts[1::2], strict=True))
    tested = {int(name.split("_")[1]) for name in globals() if re.match(r"test_\d+_", name)}

    assert list(entries) == list(range(1, len(entries) + 1))
    assert tested == {number for number, text in entries.items() if NOT_SHOWN not in text}


async def test_1_without_a_sort_an_index_may_give_the_order(twins: Twins) -> None:
    await inserted(twins, {"_id": 1, "n": 2}, {"_id": 2, "n": 1})
    await indexed(twins, "n_1", {"n": 1})

    legacy, gateway = await twins.run(Kind.FIND, filter={"n": {"$gt": 0}}, limit=1)

    assert (shown(legacy), shown(gateway)) == ([{"_id": 2, "n": 1}], [{"_id": 1, "n": 2}])


async def test_2_long_identifiers_sort_by_their_beginning(twins: Twins) -> None:
    identifiers = ["x" * 1_900 + end for end in "abcdefgh"]
    await inserted(twins, *({"_id": each} for each in identifiers))

    legacy, gateway = await twins.run(Kind.FIND, filter={}, sort={"_id": 1})

    assert shown(legacy) == [{"_id": each} for each in identifiers]
    assert shown(gateway) != shown(legacy)
    assert sorted(each["_id"] for each in shown(gateway)) == identifiers


async def test_3_of_two_fields_with_one_name_the_last_is_kept(twins: Twins) -> None:
    fields = b"\x10_id\0\x01\0\0\0" + b"\x10a\0\x01\0\0\0" + b"\x10a\0\x02\0\0\0"
    raw = (len(fields) + 5).to_bytes(4, "little") + fields + b"\0"
    await stored(twins, raw)

    legacy, gateway = await twins.documents()

    assert list(legacy.values()) == [raw]
    assert list(gateway.values()) == [encode({"_id": 1, "a": 2})]


async def test_4_a_field_made_again_takes_another_place(twins: Twins) -> None:
    await inserted(twins, {"_id": 1, "a": 1, "b": 2})

    legacy, gateway = await piped(twins, {"$unset": "a"}, {"$set": {"a": 3}})

    assert list(legacy[0]) == ["_id", "a", "b"]
    assert list(gateway[0]) == ["_id", "b", "a"]


async def test_5_joined_documents_come_in_the_order_of_an_index(twins: Twins) -> None:
    await inserted(twins, {"_id": 1, "k": 2}, {"_id": 2, "k": 1}, {"_id": 3, "a": [2, 1]})
    await indexed(twins, "k_1", {"k": 1})
    join = {"from": "things", "localField": "a", "foreignField": "k", "as": "found"}

    legacy, gateway = await piped(
        twins, {"$match": {"_id": 3}}, {"$set": {"b": 1}}, {"$lookup": join}
    )

    assert [each["_id"] for each in legacy[0]["found"]] == [2, 1]
    assert [each["_id"] for each in gateway[0]["found"]] == [1, 2]


async def test_6_a_position_to_join_by_is_lost_before_a_projection(twins: Twins) -> None:
    await inserted(twins, {"_id": 1, "k": 5}, {"_id": 2, "a": [5]})
    join = {"from": "things", "localField": "a.0", "foreignField": "k", "as": "found"}

    legacy, gateway = await piped(
        twins, {"$match": {"_id": 2}}, {"$lookup": join}, {"$project": {"found._id": 1}}
    )

    assert (legacy[0]["found"], gateway[0]["found"]) == ([{"_id": 2}], [{"_id": 1}])


@pytest.mark.parametrize(
    ("key", "legacy_code", "gateway_code"),
    [
        ({"$switch": {"branches": [{"case": {"$eq": ["$n", 9]}, "then": 1}]}}, 4934200, 40066),
        ({"$add": ["$n", "x"]}, 4974201, 16554),
        ({"$mod": [1, "$n"]}, 4848403, 16610),
        ({"$divide": [1, "$n"]}, 4848401, 2),
        ({"$concat": ["$n", "x"]}, 5073001, 16702),
        ({"$ln": "$n"}, 4903706, 28766),
    ],
)
async def test_8_groups_at_the_front_have_other_codes(
    twins: Twins, key: Any, legacy_code: int, gateway_code: int
) -> None:
    await inserted(twins, {"_id": 1, "n": 0})

    assert await piped(twins, {"$group": {"_id": key}}) == (legacy_code, gateway_code)


async def test_9_an_error_is_spared_by_a_match_behind_it(twins: Twins) -> None:
    await inserted(twins, {"_id": 1, "a": "text"})

    answers = await piped(
        twins,
        {"$set": {"x": {"$ln": "$a"}}},
        {"$group": {"_id": "$_id", "x": {"$push": "$x"}}},
        {"$match": {"_id": 2}},
    )

    assert answers == ([], 28765)


async def test_10_what_is_too_large_or_too_deep_is_not_refused(twins: Twins) -> None:
    await inserted(twins, {"_id": 1, "a": "x" * 9 * 2**20})
    deep: dict[str, Any] = {"_id": 1}
    for _ in range(120):
        deep = {"$and": [deep]}

    large = await piped(twins, {"$project": {"n": {"$strLenCP": {"$concat": ["$a", "$a"]}}}})
    legacy, gateway = await twins.run(Kind.COUNT, query=deep)

    assert large == (16493, [{"_id": 1, "n": 18 * 2**20}])
    assert isinstance(legacy, Failure)
    assert not isinstance(gateway, Failure)


async def test_11_fields_in_front_of_a_reference_move_behind_it(twins: Twins) -> None:
    raw = encode({"_id": 1, "r": {"z": 1, "$ref": "c", "$id": 1}})
    await stored(twins, raw)

    legacy, gateway = await twins.documents()

    assert list(legacy.values()) == [raw]
    assert list(gateway.values()) == [bson.encode({"_id": 1, "r": DBRef("c", 1, z=1)})]


async def test_12_special_indexes_are_listed_as_they_were_given(twins: Twins) -> None:
    await indexed(twins, "t", {"a": "text"})
    await indexed(twins, "g", {"g": "2dsphere"})

    legacy, gateway = await twins.run(Kind.LIST_INDEXES)

    assert [each["key"] for each in shown(legacy)[1:]] == [
        {"_fts": "text", "_ftsx": 1},
        {"g": "2dsphere"},
    ]
    assert [each["key"] for each in shown(gateway)[1:]] == [{"a": "text"}, {"g": "2dsphere"}]
    assert shown(legacy)[2]["2dsphereIndexVersion"] == 3
    assert "2dsphereIndexVersion" not in shown(gateway)[2]


@pytest.mark.parametrize(
    ("key", "document", "code"),
    [
        ({"g": "2dsphere"}, {"g": "nowhere"}, 16755),
        ({"h": "hashed"}, {"h": [1]}, 16766),
        ({"t": "text"}, {"t": "a", "language": "klingon"}, 17262),
    ],
)
async def test_13_special_indexes_refuse_no_document(
    twins: Twins, key: dict[str, Any], document: dict[str, Any], code: int
) -> None:
    await indexed(twins, "special", key)

    legacy, gateway = await twins.run(Kind.INSERT, documents=[{"_id": 1, **document}])

    assert isinstance(legacy, Acknowledgement)
    assert [error.code for error in legacy.errors] == [code]
    assert gateway == Acknowledgement(n=1, modified=None)


@pytest.mark.parametrize(
    ("specification", "code"),
    [
        ({"key": {"a": "hashed", "b": "hashed"}}, 31303),
        ({"key": {"_id": -1}}, 2),
        ({"key": {"a": 1}, "storageEngine": {}}, 67),
        ({"key": {"a": 1}, "wildcardProjection": {"b": 1}}, 2),
    ],
)
async def test_14_a_few_invalid_indexes_are_not_refused(
    twins: Twins, specification: dict[str, Any], code: int
) -> None:
    legacy, gateway = await twins.run(Kind.CREATE_INDEXES, indexes=[{"name": "x", **specification}])

    assert (shown(legacy), gateway) == (code, Done())


async def test_15_pcre_errs_about_line_breaks_behind_a_dot(twins: Twins) -> None:
    await twins.run(Kind.INSERT, documents=[{"_id": 1, "s": "\u2028"}])

    legacy, gateway = await twins.run(Kind.FIND, filter={"s": {"$regex": r".*\R"}})

    assert isinstance(gateway, Documents)
    assert (legacy, len(gateway.documents)) == (Documents(documents=()), 1)


async def test_16_a_constant_set_in_a_filter_has_another_code(twins: Twins) -> None:
    await inserted(twins, {"_id": 1, "a": 1})
    condition = {"$expr": {"$setIsSubset": ["$a", [1]]}}

    assert await piped(twins, {"$match": condition}) == (17046, 17310)
    assert await piped(twins, {"$limit": 1}, {"$match": condition}) == (17310, 17310)


async def test_17_a_condition_on_the_key_of_groups_sees_the_documents(twins: Twins) -> None:
    await inserted(twins, {"_id": 1, "a": None}, {"_id": 2}, {"_id": 3, "a": 5})
    group = {"$group": {"_id": "$a", "n": {"$sum": 1}}}

    of_null = await piped(twins, group, {"$match": {"$expr": {"$eq": ["$_id", None]}}})
    bare = await piped(twins, group, {"$match": {"$expr": "$_id"}})

    assert of_null == ([{"_id": None, "n": 1}], [{"_id": None, "n": 2}])
    assert len(bare[0]) == 2
    assert bare[1] == [{"_id": 5, "n": 1}]


async def test_18_groups_at_the_front_lose_types_of_their_values(twins: Twins) -> None:
    await inserted(twins, {"_id": 1, "a": MinKey()})
    group = {"$group": {"_id": "$a"}}

    alone = await piped(twins, group)
    sorted_ = await piped(twins, group, {"$sort": {"_id": 1}})

    assert alone == ([{"_id": MinKey()}], [{"_id": MinKey()}])
    assert sorted_ == ([{"_id": {"": MinKey()}}], [{"_id": MinKey()}])


async def test_19_an_index_on_a_position_hides_elements_without_the_field(twins: Twins) -> None:
    await inserted(twins, {"_id": 1, "a": [{"b": 1}, 5]})
    lacking = {"a.1": None}

    before = await twins.run(Kind.FIND, filter=lacking)
    await indexed(twins, "one", {"a.1": 1})
    after = await twins.run(Kind.FIND, filter=lacking)

    assert [len(shown(each)) for each in before] == [1, 1]
    assert [len(shown(each)) for each in after] == [0, 1]
    assert await twins.hides(lacking)
    assert not await twins.hides({"a.1": 5})


async def test_20_a_stage_behind_a_window_fails_first(twins: Twins) -> None:
    await inserted(twins, {"_id": 1, "n": 1}, {"_id": 2, "n": 2}, {"_id": 3, "n": "three"})
    window = {"sortBy": {"_id": 1}, "output": {"filled": {"$linearFill": "$n"}}}
    merged = {"$group": {"_id": None, "all": {"$mergeObjects": "$n"}}}

    legacy, gateway = await piped(twins, {"$setWindowFields": window}, merged)

    assert (legacy, gateway) == (40400, 14)
