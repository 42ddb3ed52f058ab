from collections.abc import Sequence
from typing import Any

import pytest
from bson.binary import UUID_SUBTYPE, Binary
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from bson.regex import Regex

from adapters.entities.entity import EntityMap, IdentityType
from adapters.entities.evidence import Sample
from adapters.entities.files import toml_of
from adapters.entities.inference import Proposal, propose
from adapters.entities.notation import entity_of, text_of, type_of
from comparators.errors import SettingsError

SECRET = "never to be shown"


def proposed(
    documents: list[dict[str, Any]], *indexes: dict[str, Any], children: Sequence[str] = ()
) -> Proposal:
    sample = Sample()
    for number, document in enumerate(documents):
        sample.add({"_id": ObjectId(number.to_bytes(12, "big")), **document})
    return propose("purchaseOrders", sample, indexes, children)


def types(entity: EntityMap) -> dict[str, str]:
    return {".".join(column.path): type_of(column) for column in entity.columns}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", "b"], "text"),
        ([1, 2], "integer"),
        ([1, Int64(2)], "bigint"),
        ([1, 2.5], "double"),
        ([1, 2.5, Decimal128("3")], "numeric"),
        ([True], "boolean"),
        ([DatetimeMS(1)], "timestamptz"),
        ([ObjectId(b"twelve bytes")], "objectid"),
        ([b"bytes"], "bytea"),
        ([Binary(bytes(16), UUID_SUBTYPE)], "uuid"),
        ([["a"], [], ["b", "c"]], "text[]"),
        ([[1], [2.5]], "double[]"),
        ([[]], "jsonb"),
        ([["a", 1]], "jsonb"),
        ([[{"a": 1}]], "jsonb"),
        (["a", 1], "jsonb"),
        ([{"a": 1}, "a"], "jsonb"),
        ([{}], "jsonb"),
        (["a", None], "text"),
        (["a"] * 96 + [1] * 4, "text"),
    ],
)
def test_a_column_is_of_the_type_that_nearly_all_values_have(values: list[Any], kind: str) -> None:
    entity = proposed([{"v": value} for value in values]).entity

    assert types(entity) == {"v": kind}


def test_documents_become_columns_and_dictionaries_do_not() -> None:
    documents = [
        {"address": {"city": "x", "geo": {"lat": 1.5}}, "byDay": {f"day{day}": 1}}
        for day in range(30)
    ]

    entity = proposed(documents).entity

    assert types(entity) == {"address.city": "text", "address.geo.lat": "double", "byDay": "jsonb"}


def test_what_no_column_holds_and_what_is_rare_is_left_to_the_overflow_and_named() -> None:
    documents = [{"v": 1, "pattern": Regex("x")} for _ in range(199)] + [{"v": 1, "rare": 1}]

    proposal = proposed(documents)

    assert types(proposal.entity) == {"v": "integer"}
    assert "pattern (no column holds its type)" in proposal.comments[()][1]
    assert "rare (0.5 % of the documents)" in proposal.comments[()][1]


def test_an_index_has_a_column_whatever_was_seen() -> None:
    documents = [{"v": 1} for _ in range(199)] + [{"v": 1, "rare": "x", "inner": 5}]

    entity = proposed(
        documents,
        {"v": 2, "key": {"_id": 1}, "name": "_id_"},
        {"v": 2, "key": {"rare": 1}, "name": "rare_1", "unique": True},
        {"v": 2, "key": {"inner.a": 1, "never": -1}, "name": "other"},
        {
            "v": 2,
            "key": {"_fts": "text", "_ftsx": 1, "v": 1},
            "name": "words",
            "weights": {"words": 5},
            "textIndexVersion": 3,
        },
    ).entity

    assert types(entity) == {
        "v": "integer",
        "rare": "text",
        "inner": "jsonb",
        "never": "jsonb",
        "words": "jsonb",
    }
    assert [index.specification["key"] for index in entity.indexes] == [
        {"rare": 1},
        {"inner.a": 1, "never": -1},
        {"v": 1, "words": "text"},
    ]
    assert entity_of(text_of(entity)) == entity


@pytest.mark.parametrize(
    ("identifiers", "kind"),
    [
        ([ObjectId(b"twelve bytes")], IdentityType.OBJECTID),
        (["a", "b"], IdentityType.TEXT),
        (["a", 1], IdentityType.KEY),
        ([], IdentityType.KEY),
    ],
)
def test_the_primary_key_is_what_all_identities_are(
    identifiers: list[Any], kind: IdentityType
) -> None:
    sample = Sample()
    for identifier in identifiers:
        sample.add({"_id": identifier})

    assert propose("things", sample, []).entity.identity.type is kind


def test_the_evidence_tells_shares_lengths_and_drift_and_no_value() -> None:
    documents: list[dict[str, Any]] = [{"name": SECRET} for _ in range(96)]
    documents += [{"name": None}, {"name": 5}, {}, {"name": SECRET * 2}]

    text = toml_of(*_both(proposed(documents)))

    assert (
        "# string 97 %, null 1 %, int 1 %; missing 1 %; 17 to 34 characters; 3 distinct; 1 % would drift"
        in text
    )
    assert SECRET not in text


def _both(proposal: Proposal) -> Any:
    return proposal.entity, proposal.comments


LINES = [{"sku": "a", "price": 1.5, "at": {"shop": "x"}}, {"sku": "b", "price": 2}, 5]


def test_an_array_of_documents_becomes_a_child_table_where_that_is_asked_for() -> None:
    index = {"key": {"cart.lines.sku": 1}, "name": "sku"}

    proposal = proposed([{"cart": {"lines": LINES}}], index, children=["cart.lines"])

    [child] = proposal.entity.children
    assert (child.table, child.parent) == ("purchase_order_cart_lines", "purchase_order_id")
    assert {".".join(each.path): type_of(each) for each in child.columns} == {
        "sku": "text",
        "price": "double",
        "at.shop": "text",
    }
    assert proposal.entity.columns == ()
    assert (
        "of 3 elements: object 66.7 %, int 33.3 %" in proposal.comments["children", child.table][0]
    )
    assert "string 100 %" in proposal.comments["children", child.table, "columns", "sku"][0]
    assert (
        proposed([{"cart": {"lines": LINES}}], index)
        .comments["columns", "cart_lines"][0]
        .endswith("`--child cart.lines` makes a table of it")
    )
    assert entity_of(text_of(proposal.entity)) == proposal.entity


@pytest.mark.parametrize("path", ["lines", "v", "v.a", "odd"])
def test_a_child_table_for_what_is_no_array_of_documents_is_refused(path: str) -> None:
    with pytest.raises(SettingsError, match=f"'{path}' cannot have a child table"):
        proposed([{"v": [1], "odd": [{"": 1}]}], children=[path])
