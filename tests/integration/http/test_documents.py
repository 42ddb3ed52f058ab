"""Documents over HTTP, on every database."""

from uuid import uuid4

import pytest

from tests.integration.http.conftest import Api

pytestmark = pytest.mark.parametrize(
    "served", ["mongodb", "postgresql", "mysql", "sqlite"], indirect=True
)


def message(**fields: object) -> dict[str, object]:
    """Return what a client would post."""
    return {
        "messageId": str(uuid4()),
        "conversationId": "c1",
        "user": "u1",
        "text": "hello",
        **fields,
    }


async def test_a_document_is_created_read_changed_and_deleted(api: Api) -> None:
    made = await api("POST", "/v1/Message", message(tokenCount=3), token="writer")
    assert made.status == 201, made
    assert made.body["__v"] == 0
    assert made.body["createdAt"] == made.body["updatedAt"]
    assert "$date" in made.body["createdAt"]
    place = made.headers["Location"]
    assert place == f"/v1/Message/{made.body['_id']['$oid']}"

    found = await api("GET", place, token="reader")
    assert (found.status, found.body) == (200, made.body)
    assert found.headers["ETag"] == made.headers["ETag"]

    changed = await api("PATCH", place, {"text": "changed"}, token="writer")
    assert changed.status == 200, changed
    assert (changed.body["text"], changed.body["__v"]) == ("changed", 1)
    counted = await api("PATCH", place, {"$inc": {"tokenCount": 4}, "$unset": {"text": 1}})
    assert (counted.body["tokenCount"], "text" in counted.body) == (7, False)

    gone = await api("DELETE", place, token="writer")
    assert (gone.status, gone.body) == (204, "")
    for method, body in (("GET", None), ("PATCH", {"text": "x"}), ("DELETE", None)):
        missing = await api(method, place, body)
        assert (missing.status, missing.code) == (404, "no_such_document")


async def test_versions_are_tags_and_conditions(api: Api) -> None:
    made = await api("POST", "/v1/Message", message())
    place, first = made.headers["Location"], made.headers["ETag"]
    cached = await api("GET", place, headers={"If-None-Match": f'"other", W/{first}'})
    assert (cached.status, cached.body, cached.headers["ETag"]) == (304, "", first)

    changed = await api("PATCH", place, {"text": "two"}, headers={"If-Match": first})
    second = changed.headers["ETag"]
    assert (changed.status, second == first) == (200, False)
    assert (await api("GET", place, headers={"If-None-Match": first})).status == 200
    for method, tags in (("PATCH", first), ("DELETE", first), ("DELETE", "nonsense")):
        body = {"text": "three"} if method == "PATCH" else None
        refused = await api(method, place, body, headers={"If-Match": tags})
        assert (refused.status, refused.code) == (412, "changed_meanwhile")
    either = await api("PATCH", place, {"text": "3"}, headers={"If-Match": f"{first}, {second}"})
    assert either.status == 200
    assert (await api("DELETE", place, headers={"If-Match": "*"})).status == 204


async def test_every_type_comes_back_as_it_was_sent(api: Api) -> None:
    metadata = {
        "date": {"$date": "2026-01-02T03:04:05.006Z"},
        "early": {"$date": {"$numberLong": "-5"}},
        "whole": {"$date": "2026-01-02T03:04:05Z"},
        "id": {"$oid": "5f5f5f5f5f5f5f5f5f5f5f5f"},
        "decimal": {"$numberDecimal": "1.50"},
        "bytes": {"$binary": {"base64": "AAEC", "subType": "00"}},
        "uuid": {"$binary": {"base64": "yO2rw/c4TKO2jauSqRR4ow==", "subType": "04"}},
        "nan": {"$numberDouble": "NaN"},
        "long": 2**53 + 1,
        "double": 1.5,
        "pattern": {"$regularExpression": {"pattern": "^a", "options": "i"}},
        "time": {"$timestamp": {"t": 1, "i": 2}},
        "text": "grüße \U0001f600",
        "deep": [{"a": [None, True]}],
    }
    made = await api("POST", "/v1/Message", message(metadata=metadata))
    assert made.status == 201, made
    found = await api("GET", made.headers["Location"])

    assert made.body["metadata"] == metadata
    assert found.body["metadata"] == metadata


async def test_what_does_not_fit_is_told_by_path(api: Api) -> None:
    refused = await api("POST", "/v1/Message", {"text": "x", "tokenCount": "many"})
    assert (refused.status, refused.code) == (422, "invalid")
    told = {error["path"]: error["kind"] for error in refused.body["errors"]}
    assert told["messageId"] == "required"
    assert told["tokenCount"] == "Number"

    once = message()
    assert (await api("POST", "/v1/Message", once)).status == 201
    twice = await api("POST", "/v1/Message", once)
    assert (twice.status, twice.code) == (409, "duplicate")
    assert "messageId" in {error["path"] for error in twice.body["errors"]}

    place = (await api("POST", "/v1/Message", message())).headers["Location"]
    for body, code in (
        ({}, "bad_update"),
        ({"$set": {"text": "x"}, "text": "y"}, "bad_update"),
        ({"$set": 1}, "bad_update"),
        ({"__v": 3}, "bad_update"),
        ({"$nope": {"a": 1}}, "forbidden_operator"),
        ({"tokenCount": "many"}, "bad_query"),
        ({"$set": {"text": "x"}, "$unset": {"text": 1}}, "bad_query"),
    ):
        answer = await api("PATCH", place, body)
        assert (answer.status, answer.code) == (400, code), (body, answer)


async def test_a_document_is_replaced_as_a_whole(api: Api) -> None:
    made = await api("POST", "/v1/Message", message(text="old", tokenCount=3))
    place, first = made.headers["Location"], made.headers["ETag"]
    whole = {**message(text="new"), "createdAt": {"$date": "2020-01-01T00:00:00Z"}}
    replaced = await api("PUT", place, whole, headers={"If-Match": first}, token="writer")

    assert (replaced.status, replaced.body["_id"]) == (200, made.body["_id"]), replaced
    assert (replaced.body["text"], replaced.body["__v"]) == ("new", 1)
    assert "tokenCount" not in replaced.body
    assert replaced.body["createdAt"] == made.body["createdAt"]
    found = await api("GET", place)
    assert (found.body, found.headers["ETag"]) == (replaced.body, replaced.headers["ETag"])
    for headers, body, status in (
        ({"If-Match": first}, whole, 412),
        ({}, {"text": "no id"}, 422),
        ({}, {**whole, "tokenCount": "many"}, 422),
    ):
        assert (await api("PUT", place, body, headers=headers)).status == status
    nobody = await api("PUT", "/v1/Message/5f5f5f5f5f5f5f5f5f5f5f5f", whole)
    assert (nobody.status, nobody.code) == (404, "no_such_document")
