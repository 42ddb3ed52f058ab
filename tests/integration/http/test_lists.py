"""Lists, counts, pipelines, searches and batches over HTTP, on both databases."""

import json
from typing import Any
from uuid import uuid4

from tests.integration.http.conftest import Api
from tests.integration.http.test_documents import message


async def filled(api: Api, n: int) -> str:
    """Store messages of a conversation that nobody else has, and return its id."""
    conversation = str(uuid4())
    operations = [
        {"create": message(conversationId=conversation, text=f"number {i}", tokenCount=i % 3)}
        for i in range(n)
    ]
    done = await api("POST", "/v1/Message/batch", {"operations": operations})
    assert [each["status"] for each in done.body["results"]] == [201] * n
    return conversation


async def test_pages_follow_each_other(api: Api) -> None:
    own = {"conversationId": await filled(api, 7)}
    asked = {"filter": own, "sort": {"tokenCount": -1}, "limit": 3, "total": True}
    texts, cursor = [], None
    while True:
        more: dict[str, str] = {} if cursor is None else {"cursor": cursor}
        page = await api("POST", "/v1/Message/query", {**asked, **more}, token="reader")
        assert (page.status, page.body["total"]) == (200, 7)
        texts += [each["text"] for each in page.body["items"]]
        cursor = page.body["next"]
        if cursor is None:
            break
    by_tokens = sorted(range(7), key=lambda i: -(i % 3))
    assert sorted(texts) == sorted(f"number {i}" for i in range(7))
    assert [int(text[-1]) % 3 for text in texts] == [i % 3 for i in by_tokens]

    query = {"filter": json.dumps(own), "sort": '{"_id": 1}', "projection": '{"text": 1}'}
    second = await api("GET", "/v1/Message", params={**query, "offset": "5", "limit": "5"})
    assert [each["text"] for each in second.body["items"]] == ["number 5", "number 6"]
    assert all(each.keys() == {"_id", "text"} for each in second.body["items"])

    for wrong in ({"cursor": "AAAA"}, {"cursor": "."}, {"cursor": "AAAA", "offset": "1"}):
        refused = await api("GET", "/v1/Message", params=wrong)
        assert (refused.status, refused.code) == (400, "bad_cursor"), wrong


async def test_counts_pipelines_and_searches(api: Api) -> None:
    own = {"conversationId": await filled(api, 5)}
    counted = await api("POST", "/v1/Message/count", {"filter": {**own, "tokenCount": {"$lt": 2}}})
    assert counted.body == {"count": 4}
    pipeline = [
        {"$match": own},
        {"$group": {"_id": "$tokenCount", "n": {"$sum": 1}}},
        {"$sort": {"_id": 1}},
    ]
    summed = await api("POST", "/v1/Message/aggregate", {"pipeline": pipeline}, token="reader")
    assert summed.body["items"] == [{"_id": 0, "n": 2}, {"_id": 1, "n": 2}, {"_id": 2, "n": 1}]

    found = await api("POST", "/v1/Message/search", {"query": "NUMBER 3", "filter": own})
    assert [each["text"] for each in found.body["items"]] == ["number 3"]
    assert found.body["by"] == "database"
    nothing = await api("POST", "/v1/Balance/search", {"query": "x"})
    assert (nothing.status, nothing.code) == (422, "unsupported")


async def test_a_batch_goes_as_far_as_it_is_told_to(api: Api) -> None:
    one = (await api("POST", "/v1/Message", message())).body
    taken = {"create": message(messageId=one["messageId"])}
    fine = {"create": message(conversationId="batch")}
    by_id = {"id": one["_id"]}
    mixed = [
        fine,
        {"update": {**by_id, "change": {"$set": {"text": "new"}}, "ifMatch": '"7"'}},
        {"update": {**by_id, "change": {"text": "new"}}},
        taken,
        {"delete": by_id},
    ]

    stopped = await api("POST", "/v1/Message/batch", {"operations": mixed})
    fine["create"] = message(conversationId="batch")
    went_on = await api("POST", "/v1/Message/batch", {"operations": mixed, "continue": True})

    assert [each["status"] for each in stopped.body["results"]] == [201, 412]
    assert [each["status"] for each in went_on.body["results"]] == [201, 412, 200, 409, 204]
    assert went_on.body["results"][3]["problem"]["code"] == "duplicate"


async def test_an_atomic_batch_leaves_nothing_of_what_fails(api: Api) -> None:
    conversation = str(uuid4())
    first, second = (message(conversationId=conversation) for _ in range(2))
    twice = {**first, "text": "again"}

    refused = await api(
        "POST",
        "/v1/Message/batch",
        {"operations": [{"create": each} for each in (first, second, twice)], "atomic": True},
    )
    assert (refused.status, refused.code) == (409, "duplicate")
    assert refused.body["errors"][0]["path"].startswith("operations.2.")
    own = {"filter": {"conversationId": conversation}}
    assert (await api("POST", "/v1/Message/count", own)).body == {"count": 0}

    done = await api(
        "POST",
        "/v1/Message/batch",
        {"operations": [{"create": each} for each in (first, second)], "atomic": True},
    )
    assert done.status == 200
    assert (await api("POST", "/v1/Message/count", own)).body == {"count": 2}


async def test_values_joins_and_references(api: Api) -> None:
    user = {"email": f"{uuid4()}@example.org", "name": "Ada"}
    made = (await api("POST", "/v1/User", user)).body
    conversation = await filled(api, 4)
    own = {"conversationId": conversation}
    values = await api("POST", "/v1/Message/distinct", {"path": "tokenCount", "filter": own})
    assert sorted(values.body["values"]) == [0, 1, 2]

    balance = {"user": made["_id"], "tokenCredits": 5}
    assert (await api("POST", "/v1/Balance", balance)).status == 201
    joining = {"other": "Balance", "local": "_id", "foreign": "user", "into": "balance"}
    asked = {**joining, "filter": {"_id": made["_id"]}, "one": True}
    joined = await api("POST", "/v1/User/join", asked, token="reader")
    assert [each["balance"]["tokenCredits"] for each in joined.body["items"]] == [5], joined
    wrong = await api("POST", "/v1/User/join", {**asked, "other": "nothing"})
    assert (wrong.status, wrong.code) == (400, "bad_parameter")

    populate = [{"path": "user", "select": {"name": 1}}]
    query = {"filter": {"user": made["_id"]}, "sort": {"user": 1}, "limit": 1}
    page = await api("POST", "/v1/Balance/query", {**query, "populate": populate}, token="reader")
    assert [each["user"] for each in page.body["items"]] == [{"_id": made["_id"], "name": "Ada"}]
    place = f"/v1/Balance/{page.body['items'][0]['_id']['$oid']}"
    one = await api("GET", place, params={"populate": '[{"path": "user"}]'}, token="reader")
    assert one.body["user"]["email"] == user["email"]


async def test_a_cursor_goes_on_behind_a_reference_that_was_populated(api: Api) -> None:
    emails = sorted(f"{uuid4()}@example.org" for _ in range(3))
    users = [(await api("POST", "/v1/User", {"email": each})).body["_id"] for each in emails]
    for user in users:
        await api("POST", "/v1/Balance", {"user": user, "tokenCredits": 1})
    asked = {
        "filter": {"user": {"$in": users}},
        "sort": {"user": -1},
        "limit": 1,
        "populate": [{"path": "user"}],
    }
    seen: list[str] = []
    more: dict[str, Any] = {}
    for _ in users:
        page = (await api("POST", "/v1/Balance/query", {**asked, **more})).body
        seen += [each["user"]["email"] for each in page["items"]]
        more = {"cursor": page["next"]}
    assert seen == emails[::-1]
    assert more == {"cursor": None}


async def test_a_batch_replaces_and_changes_many(api: Api) -> None:
    own = {"conversationId": await filled(api, 3)}
    one = (await api("POST", "/v1/Message", message())).body
    operations = [
        {"replace": {"id": one["_id"], "document": message(text="other")}},
        {"updateMany": {"filter": {**own, "tokenCount": {"$gt": 0}}, "change": {"text": "many"}}},
        {"deleteMany": {"filter": {**own, "text": "many"}}},
    ]
    done = await api("POST", "/v1/Message/batch", {"operations": operations, "atomic": True})
    [replaced, changed, deleted] = done.body["results"]
    assert (replaced["document"]["text"], replaced["document"]["__v"]) == ("other", 1)
    assert (changed, deleted) == ({"status": 200, "count": 2}, {"status": 200, "count": 2})
    assert (await api("POST", "/v1/Message/count", {"filter": own})).body == {"count": 1}
