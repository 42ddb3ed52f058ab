import json

import pytest
from bson import Binary, Code, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128

from comparators.canonical import MISSING
from comparators.change import ChangeKind, Difference
from proxy.ledger.redaction import MAX_DIFFERENCES, Redaction, summary, type_of

OID = ObjectId("64f0c0ffee64f0c0ffee64f0")


def redaction(key: bytes = b"k" * 32, revealed_path: str = "") -> Redaction:
    return Redaction(key=key, revealed=lambda _namespace, path: path == revealed_path)


def difference(path: str, legacy: object, gateway: object) -> Difference:
    return Difference(
        kind=ChangeKind.VALUE,
        path=path,
        exact=path,
        legacy_type="string",
        gateway_type="string",
        legacy=legacy,
        gateway=gateway,
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("secret", "string(6)"),
        (4711, "int"),
        (Int64(4711), "long"),
        (47.11, "double"),
        (Decimal128("47.11"), "decimal"),
        (DatetimeMS(1_700_000_000_000), "date"),
        (Timestamp(1, 2), "timestamp"),
        (Binary(b"secret"), "binData(6)"),
        (b"secret", "binData(6)"),
        (Regex("secret"), "regex"),
        (Code("secret"), "javascript(6)"),
        ({"secret": 1}, "object(1)"),
        (["secret", "two"], "array(2)"),
        (DBRef("secret", 1), "object"),
        (MinKey(), "minKey"),
        (MaxKey(), "maxKey"),
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (MISSING, "missing"),
        (OID, f"objectId({OID})"),
    ],
)
def test_a_value_is_shown_as_its_class(value: object, shown: str) -> None:
    assert summary(value) == shown


def test_a_value_of_no_bson_type_is_unknown() -> None:
    assert type_of(object()) == "unknown"


def test_an_object_id_is_shown_and_any_other_id_is_a_digest() -> None:
    hide = redaction()

    assert hide.document("a.users", OID) == str(OID)
    assert "ada" not in hide.document("a.users", "ada@example.org")
    assert hide.document("a.users", "ada").startswith("string#")


def test_ids_that_mongodb_holds_for_equal_have_one_digest() -> None:
    hide = redaction()

    assert hide.document("a.b", Int64(5)).split("#")[1] == hide.document("a.b", 5.0).split("#")[1]


def test_digests_differ_between_ledgers_and_between_collections() -> None:
    digests = {
        redaction().document("a.users", "ada"),
        redaction().document("a.others", "ada"),
        redaction(key=b"other" * 6).document("a.users", "ada"),
    }

    assert len(digests) == 3


def test_a_sample_holds_no_value_unless_its_path_is_revealed() -> None:
    differences = [difference("name", "Ada", "Bob"), difference("status", "on", "off")]

    sample = json.loads(redaction(revealed_path="status").sample("a.b", differences, ["ada@x"]))

    hidden, shown = sample["differences"]
    assert (hidden["legacy"], hidden["gateway"]) == ("string(3)", "string(3)")
    assert (shown["legacy"], shown["gateway"]) == ("string 'on'", "string 'off'")
    assert "ada@x" not in json.dumps(sample)


def test_names_made_from_data_are_hidden_in_paths() -> None:
    path = "votes.64f0c0ffee64f0c0ffee64f0.ada@example"

    sample = json.loads(redaction().sample("a.b", [difference(path, 1, 2)], []))

    assert sample["differences"][0]["path"] == "votes.*.*"


def test_a_sample_is_bounded_and_says_what_it_leaves_out() -> None:
    many = [difference(f"field{n % 10}", "x" * 10_000, "y") for n in range(100)]

    sample = json.loads(redaction(revealed_path="field0").sample("a.b", many, list(range(50))))

    assert len(sample["differences"]) == MAX_DIFFERENCES
    assert (sample["differences_in_all"], sample["documents_in_all"]) == (100, 50)
    assert len(json.dumps(sample)) < 5_000
