"""The methods of repositories over HTTP, on both databases."""

from typing import Any
from uuid import uuid4

from bson import ObjectId

from tests.integration.http.conftest import Answer, Api
from tests.integration.http.test_documents import message


async def called(api: Api, method: str, token: str = "writer", **arguments: Any) -> Answer:
    """Call a method: `User.find_by_email`."""
    entity, _, name = method.partition(".")
    return await api("POST", f"/v1/{entity}/methods/{name}", arguments, token=token)


async def test_users_messages_and_conversations_have_their_methods(api: Api) -> None:
    name, conversation = str(uuid4()), str(uuid4())
    user = {"email": f"{name}@example.org", "username": name, "password": "a long hash"}
    made = await api("POST", "/v1/User", user)
    for method, argument in (("email", f" {name.upper()}@Example.org"), ("username", name)):
        found = await called(api, f"User.find_by_{method}", "reader", **{method: argument})
        assert (found.status, found.body["result"]["_id"]) == (200, made.body["_id"])
        assert "password" not in found.body["result"]
    login = await called(api, "User.update_last_login", user=made.body["_id"])
    assert "$date" in login.body["result"]["lastLogin"]
    nobody = await called(api, "User.find_by_email", "reader", email="nobody@example.org")
    assert nobody.body == {"result": None}

    keys = [str(uuid4()) for _ in range(3)]
    for key, parent in zip(keys, (None, keys[0], keys[1]), strict=True):
        body = message(messageId=key, conversationId=conversation, user=name)
        await api("POST", "/v1/Message", {**body, "parentMessageId": parent})
    listed = await called(
        api, "Message.find_by_conversation", "reader", conversation=conversation, skip=1
    )
    assert [each["messageId"] for each in listed.body["result"]] == keys[1:]
    tree = await called(api, "Message.thread_tree", "reader", conversation=conversation)
    [root] = tree.body["result"]
    assert root["children"][0]["children"][0]["messageId"] == keys[2]

    talk = {"conversationId": conversation, "user": name, "title": "On trees", "endpoint": "x"}
    assert (await api("POST", "/v1/Conversation", talk)).status == 201
    both = {"conversation": conversation, "user": name}
    for method, archived in (("archive", True), ("unarchive", False)):
        told = await called(api, f"Conversation.{method}", **both)
        assert told.body["result"]["isArchived"] is archived
    page = await called(api, "Conversation.page_by_user", "reader", user=name, size=1)
    assert [each["title"] for each in page.body["result"]["items"]] == ["On trees"]
    assert page.body["result"]["next"] is None
    whole = await called(api, "Conversation.find_with_messages", "reader", **both)
    assert [each["messageId"] for each in whole.body["result"]["messages"]] == keys
    changed = await called(api, "Message.update_by_key", value=keys[0], data={"text": "new"})
    assert (changed.body["result"]["text"], changed.body["result"]["__v"]) == ("new", 1)


async def test_balances_change_once_with_what_says_why(api: Api) -> None:
    user = {"$oid": str(ObjectId())}
    credited = await called(api, "Balance.credit", user=user, amount=10.5)
    assert credited.body["result"]["tokenCredits"] == 10.5, credited
    headers = {"Idempotency-Key": str(uuid4())}
    for replayed in (None, "true"):
        body = {"user": user, "amount": 4, "entry": {"context": "test"}}
        spent = await api("POST", "/v1/Balance/methods/spend", body, headers=headers)
        assert (
            spent.body["result"]["tokenCredits"],
            spent.headers.get("Idempotency-Replayed"),
        ) == (
            6.5,
            replayed,
        )
    refused = await called(api, "Balance.spend", user=user, amount=7)
    assert (refused.status, refused.code) == (409, "refused")
    sums = await called(api, "Transaction.sums_by_period", "reader", period="year", user=user)
    assert [(each["count"], each["rawAmount"]) for each in sums.body["result"]] == [(2, 6.5)]


async def test_arguments_are_what_the_signature_says(api: Api) -> None:
    for method, arguments, status, code in (
        ("User.find_by_email", {}, 400, "bad_parameter"),
        ("User.find_by_email", {"email": 1}, 400, "bad_parameter"),
        ("User.find_by_email", {"email": {"$gt": ""}}, 400, "bad_parameter"),
        ("User.find_by_email", {"email": "a", "reveal": ["password"]}, 400, "bad_parameter"),
        ("Message.find_by_user", {"user": {"$gt": ""}}, 400, "bad_parameter"),
        ("Message.find_by_user", {"user": "a", "limit": 0}, 400, "bad_parameter"),
        (
            "Message.update_by_key",
            {"value": "a", "data": {"$where": {}}},
            400,
            "forbidden_operator",
        ),
        ("Message.update_by_key", {"value": "a", "data": {"__v": 1}}, 400, "bad_update"),
        ("Conversation.page_by_user", {"user": "a", "cursor": "AA"}, 400, "bad_cursor"),
        ("Transaction.sums_by_period", {"period": "second"}, 409, "refused"),
        ("Transaction.sums_by_type", {"since": "2026"}, 400, "bad_parameter"),
        ("User.nothing", {}, 404, "no_such_place"),
        ("Nothing.find_by_user", {}, 404, "no_such_place"),
    ):
        answer = await called(api, method, **arguments)
        assert (answer.status, answer.code) == (status, code), (method, arguments, answer)
    transaction = (await api("POST", "/v1/transactions", {"timeout_s": 5})).body["id"]
    inside = {"Transaction": transaction}
    own = {"user": {"$oid": str(ObjectId())}, "amount": 1}
    refused = await api("POST", "/v1/Balance/methods/credit", own, headers=inside)
    assert (refused.status, refused.code) == (400, "bad_parameter")
    found = await api("POST", "/v1/Message/methods/find_by_user", {"user": "x"}, headers=inside)
    assert found.status == 200, found
    await api("POST", f"/v1/transactions/{transaction}/abort")
