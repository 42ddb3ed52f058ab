"""Lists, counts, pipelines, searches and batches over HTTP, on both databases."""

import json
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
