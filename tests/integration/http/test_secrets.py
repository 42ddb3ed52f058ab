"""No way leads to what a schema hides, or what an application keeps secret, without the scope admin."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from tests.integration.http.conftest import Api

SECRET = "password"
BELOW = "password.0"
GUESS = {"$regex": "^a"}
JOIN = {"from": "users", "as": "u"}
COUNT: dict[str, Any] = {"$count": "n"}
BY_IT: list[dict[str, Any]] = [
    {SECRET: GUESS},
    {BELOW: "a"},
    {"$or": [{"name": "x"}, {"$and": [{SECRET: {"$gt": "a"}}]}]},
    {"$nor": [{SECRET: {"$exists": False}}]},
    {SECRET: {"$not": GUESS}},
    {"$expr": {"$lt": ["$password", "b"]}},
    {"$expr": {"$lt": [{"$getField": "password"}, "b"]}},
    {"$jsonSchema": {"properties": {SECRET: {"pattern": "^a"}}}},
    {"backupCodes": {"$size": 1}},
    {"backupCodes.0.codeHash": GUESS},
]
"""Filters that would tell of it."""
SHOWING: list[dict[str, Any]] = [
    {SECRET: 1},
    {"+password": 1},
    {"name": 1, SECRET: True},
    {SECRET: {"$slice": 1}},
    {"backupCodes": {"$elemMatch": {"used": False}}},
    {"x": "$password"},
    {"x": {"$substrCP": ["$$ROOT.password", 0, 1]}},
    {"x": "$$ROOT"},
    {"x": {"$objectToArray": "$$ROOT"}},
]
PIPELINES: list[list[dict[str, Any]]] = [
    *([{"$match": each}, COUNT] for each in BY_IT if "getField" not in str(each)),
    *([{"$facet": {"f": [{"$match": each}]}}] for each in BY_IT[:4]),
    *([{"$project": each}] for each in SHOWING[:1]),
    [{"$project": {"x": "$password"}}],
    [{"$sort": {SECRET: 1}}],
    [{"$group": {"_id": {"$substrCP": ["$password", 0, 1]}, "n": {"$sum": 1}}}],
    [{"$sortByCount": "$password"}],
    [{"$set": {"x": {"$toUpper": "$$CURRENT.password"}}}],
    [{"$limit": 1}, {"$match": {SECRET: GUESS}}],
    [{"$match": {"$text": {"$search": "a"}}}],
]
"""Of users themselves."""
JOINS: list[list[dict[str, Any]]] = [
    [{"$lookup": {**JOIN, "localField": "text", "foreignField": SECRET}}],
    [{"$lookup": {**JOIN, "localField": "text", "foreignField": BELOW}}],
    [{"$lookup": {**JOIN, "localField": "text", "foreignField": "backupCodes.codeHash"}}],
    [{"$lookup": {**JOIN, "pipeline": [{"$match": {SECRET: GUESS}}]}}],
    [{"$lookup": {**JOIN, "let": {"t": "$text"}, "pipeline": [{"$match": BY_IT[5]}]}}],
    [{"$lookup": {**JOIN, "pipeline": [{"$sort": {SECRET: 1}}, {"$limit": 1}]}}],
    [{"$lookup": {**JOIN, "pipeline": [{"$group": {"_id": "$password"}}]}}],
    [
        {
            "$graphLookup": {
                **JOIN,
                "startWith": "$text",
                "connectFromField": "_id",
                "connectToField": SECRET,
            }
        }
    ],
    [
        {
            "$graphLookup": {
                **JOIN,
                "startWith": "$user",
                "connectFromField": SECRET,
                "connectToField": "_id",
            }
        }
    ],
    [
        {
            "$graphLookup": {
                **JOIN,
                "startWith": "$user",
                "connectFromField": "_id",
                "connectToField": "_id",
                "restrictSearchWithMatch": {SECRET: GUESS},
            }
        }
    ],
    [{"$unionWith": {"coll": "users", "pipeline": [{"$match": {SECRET: GUESS}}]}}],
    [{"$facet": {"f": [{"$unionWith": {"coll": "users", "pipeline": [{"$sort": {SECRET: 1}}]}}]}}],
    [
        {
            "$lookup": {
                "from": "messages",
                "as": "m",
                "pipeline": [{"$lookup": {**JOIN, "localField": "text", "foreignField": SECRET}}],
            }
        }
    ],
]
"""Of messages with users."""
BLIND: list[tuple[str, list[dict[str, Any]]]] = [
    ("User", [{"$project": {"_id": 0, "x": {"$getField": "password"}}}]),
    ("User", [{"$match": {"$expr": {"$ne": [{"$ifNull": [{"$getField": "password"}, 0]}, 0]}}}]),
    ("User", [{"$replaceRoot": {"newRoot": {"x": "$$ROOT"}}}]),
    ("User", [{"$project": {"x": {"$objectToArray": "$$ROOT"}}}]),
    ("Message", [{"$lookup": {**JOIN, "pipeline": []}}]),
    ("Message", [{"$lookup": {**JOIN, "localField": "user", "foreignField": "email"}}]),
    ("Message", [{"$unionWith": "users"}]),
    (
        "Message",
        [
            {
                "$lookup": {
                    **JOIN,
                    "pipeline": [
                        {"$match": {"$expr": {"$gt": [{"$getField": "password"}, None]}}},
                        {"$set": {"x": {"$getField": "password"}}},
                    ],
                }
            }
        ],
    ),
]
"""Pipelines that run, and see nothing of it."""
CHANGES: list[dict[str, Any]] = [
    *({operator: {SECRET: 1}} for operator in ("$inc", "$mul", "$min", "$max", "$pop")),
    {"$bit": {SECRET: {"and": 1}}},
    {"$push": {"backupCodes": {"codeHash": "x"}}},
    {"$pull": {"backupCodes": {"codeHash": GUESS}}},
    {"$addToSet": {"backupCodes": {"codeHash": "x"}}},
    {"$rename": {SECRET: "name"}},
    {"$rename": {"name": "password.x"}},
    {"$set": {"password.x": 1}},
    {"password.0": 1},
]


def ways(place: str) -> Iterator[tuple[str, str, Any]]:
    """Yield every request that would tell of it: method, path and body."""
    joined = {"other": "User", "local": "text", "foreign": "email", "into": "u"}
    populated = {"path": "user", "model": "User"}
    for condition in BY_IT:
        for route in ("query", "count"):
            yield "POST", f"/v1/User/{route}", {"filter": condition}
        yield "POST", "/v1/User/distinct", {"path": "name", "filter": condition}
        yield (
            "POST",
            "/v1/User/join",
            {**joined, "other": "Message", "local": "name", "filter": condition},
        )
        yield "POST", "/v1/Message/query", {"populate": [{**populated, "match": condition}]}
        yield "POST", "/v1/User/search", {"query": "x", "filter": condition}
    for projection in SHOWING:
        yield "POST", "/v1/User/query", {"projection": projection}
        yield "POST", "/v1/Message/query", {"populate": [{**populated, "select": projection}]}
    for path in (SECRET, BELOW, "backupCodes"):
        yield "POST", "/v1/User/query", {"sort": {path: -1}}
        yield "POST", "/v1/User/distinct", {"path": path}
        yield "POST", "/v1/Message/join", {**joined, "foreign": path}
        yield (
            "POST",
            "/v1/User/join",
            {"other": "Message", "local": path, "foreign": "text", "into": "m"},
        )
    for pipeline in PIPELINES:
        yield "POST", "/v1/User/aggregate", {"pipeline": pipeline}
    for pipeline in JOINS:
        yield "POST", "/v1/Message/aggregate", {"pipeline": pipeline}
    for change in CHANGES:
        yield "PATCH", place, change


async def test_no_way_tells_of_a_secret(api: Api) -> None:
    secret = f"a{uuid4()}"
    user = {"email": f"{uuid4()}@example.org", "password": secret, "name": "Ada"}
    made = await api("POST", "/v1/User", user, token="writer")
    assert made.status == 201, made
    place = made.headers["Location"]
    message = {"messageId": str(uuid4()), "conversationId": "c", "user": user["email"]}
    assert (await api("POST", "/v1/Message", {**message, "text": secret})).status == 201

    let_through = []
    for method, path, body in ways(place):
        answer = await api(method, path, body, token="writer")
        if (answer.status, answer.status == 403 and answer.code) != (403, "hidden_field"):
            let_through.append((method, path, body, answer.status))
    for name in ("updateMany", "deleteMany"):
        many = {"filter": {SECRET: GUESS}, **({"change": {"name": "x"}} if "up" in name else {})}
        body = {"operations": [{name: many}]}
        [result] = (await api("POST", "/v1/User/batch", body, token="writer")).body["results"]
        if result.get("problem", {}).get("code") != "hidden_field":
            let_through.append(("POST", name, body, result["status"]))
    assert let_through == []

    own = {"$match": {"email": user["email"]}}
    for entity, stages in BLIND:
        pipeline = [own, *stages] if entity == "User" else [{"$match": {"text": secret}}, *stages]
        answer = await api(
            "POST", f"/v1/{entity}/aggregate", {"pipeline": pipeline}, token="reader"
        )
        assert answer.status in {200, 422}, answer
        for item in answer.body.get("items", ()):
            assert secret not in str({**item, "text": ""}), (stages, answer)
    matched = [own, BLIND[1][1][0]]
    blind = await api("POST", "/v1/User/aggregate", {"pipeline": matched}, token="writer")
    assert blind.body.get("items", []) == []


async def test_answers_leave_secrets_out_unless_admin_names_them(api: Api) -> None:
    user = {"email": f"{uuid4()}@example.org", "password": "a long hash", "name": "Ada"}
    made = await api("POST", "/v1/User", user, token="writer")
    place = made.headers["Location"]
    changed = await api("PATCH", place, {"password": "other hash"}, token="writer")
    own = {"filter": {"email": user["email"]}}
    whole = {"email": user["email"], "name": "Eve"}
    replaced = await api("PUT", place, whole, token="writer")
    joining = {"other": "User", "local": "email", "foreign": "email", "into": "u", **own}
    joined = await api("POST", "/v1/User/join", joining, token="reader")
    assert [each["name"] for each in joined.body["items"][0]["u"]] == ["Eve"]
    answers = [made, changed, replaced, joined, await api("GET", place, token="admin")]
    for projection in ({"name": 0}, {"_id": 1, "name": 0}, {"_id": 1}, {"name": 1}):
        asked = {**own, "projection": projection}
        answers.append(await api("POST", "/v1/User/query", asked, token="reader"))
    for answer in answers:
        assert answer.status in {200, 201}, answer
        assert "hash" not in str(answer.body), answer
    shown = await api("GET", place, params={"projection": '{"password": 1}'})
    assert shown.body["password"] == "other hash"
    named = await api(
        "POST", "/v1/User/count", {"filter": {"password": "other hash", **own["filter"]}}
    )
    assert named.body == {"count": 1}


async def test_an_id_of_a_batch_is_one_value(api: Api) -> None:
    for wrong in (
        {"$gt": ""},
        {"$exists": True},
        [1],
        {"$regularExpression": {"pattern": "", "options": ""}},
    ):
        refused = await api(
            "POST", "/v1/Message/batch", {"operations": [{"delete": {"id": wrong}}]}
        )
        assert (refused.status, refused.code) == (400, "bad_parameter"), wrong
