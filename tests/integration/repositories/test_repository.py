"""What every repository can do, the same on each database."""

from typing import Any
from uuid import uuid4

import pytest
from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId

from adapters.gateway import Transaction
from adapters.mongoose.bulk import Written
from adapters.mongoose.errors import DuplicateKeyError, ValidationError
from adapters.repositories.gateway import RepositoryGateway
from comparators.errors import RefusedError, SettingsError, UnsupportedError
from tests.integration.repositories.conftest import Clock

AUTHOR = ObjectId()


def _agent(name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"agent_{name}",
        "name": name,
        "provider": "openAI",
        "model": "gpt-4o",
        "author": AUTHOR,
        **more,
    }


async def test_a_document_is_created_read_changed_and_deleted(gateway: RepositoryGateway) -> None:
    agents = gateway.repository("agent")

    made = await agents.create(_agent("a", tools=["search"]))
    found = await agents.find_by_id(made["_id"])
    changed = await agents.update(made["_id"], {"name": "b"})
    pushed = await agents.update(str(made["_id"]), {"$push": {"tools": "code"}})

    assert found == made
    assert made["category"] == "general"
    assert made["__v"] == 0
    assert changed is not None
    assert changed["name"] == "b"
    assert changed["updatedAt"] > made["updatedAt"]
    assert pushed is not None
    assert pushed["tools"] == ["search", "code"]
    assert await agents.update(ObjectId(), {"name": "c"}) is None
    assert await agents.delete(made["_id"])
    assert not await agents.delete(made["_id"])
    assert await agents.find_by_id(made["_id"]) is None


async def test_options_of_find_select_order_and_cut(gateway: RepositoryGateway) -> None:
    agents = gateway.repository("Agent")
    await agents.bulk_create([_agent(name, access_level=len(name)) for name in ("a", "bb", "ccc")])

    found = await agents.find(
        {"access_level": {"$gte": "1"}},
        projection={"name": 1, "_id": 0},
        sort={"name": -1},
        skip=1,
        limit=1,
    )
    first = await agents.find_one(sort="-access_level")

    assert found == [{"name": "bb"}]
    assert first is not None
    assert first["name"] == "ccc"
    assert await agents.count() == 3
    assert await agents.count({"access_level": 2}) == 1
    assert await agents.exists({"name": "a"})
    assert await agents.update_many({"name": {"$ne": "a"}}, {"provider": "none"}) == 2
    assert await agents.delete_many({"provider": "none"}) == 2
    totals = await agents.aggregate([{"$group": {"_id": "$provider", "n": {"$sum": 1}}}])
    assert totals == [{"_id": "openAI", "n": 1}]


async def test_what_does_not_fit_is_refused(gateway: RepositoryGateway) -> None:
    await gateway.ensure_indexes("agent")
    await gateway.ensure_indexes("agent")
    agents = gateway.repository("agents")
    await agents.create(_agent("a"))

    with pytest.raises(DuplicateKeyError):
        await agents.create(_agent("a"))
    with pytest.raises(ValidationError):
        await agents.create({"name": "nobody's"})
    with pytest.raises(SettingsError, match="nothing"):
        gateway.repository("nothing")
    with pytest.raises(RefusedError, match="writes"):
        await agents.aggregate([{"$out": "elsewhere"}])


async def test_pages_by_cursor_hold_each_document_once(gateway: RepositoryGateway) -> None:
    agents = gateway.repository("agent")
    mixed: list[Any] = [3, None, "b", 2.5, {"a": 1}, True, ObjectId(), DatetimeMS(5), "a", 3]
    rows: list[dict[str, Any]] = [
        _agent(str(n), avatar=value, access_level=n % 3) for n, value in enumerate(mixed)
    ]
    # What is not there stands beside null.
    del rows[4]["access_level"], rows[9]["avatar"]
    await agents.bulk_create(rows)

    for order in ({"avatar": 1}, {"avatar": -1}, {"access_level": -1, "avatar": 1}, None):
        whole = await agents.find(
            sort={**(order or {}), "_id": -1 if order == {"avatar": -1} else 1}
        )
        listed: list[Any] = []
        cursor: str | None = None
        while cursor is not None or not listed:
            page = await agents.page_after(sort=order, size=3, cursor=cursor)
            listed += page.items
            cursor = page.next

        assert listed == whole


async def test_pages_by_cursor_stay_right_while_documents_are_written(
    gateway: RepositoryGateway,
) -> None:
    agents = gateway.repository("agent")
    await agents.bulk_create([_agent(name) for name in "bdfh"])

    first = await agents.page_after(sort="name", size=2)
    for name in "acg":
        await agents.create(_agent(name))
    await agents.delete(first.items[-1]["_id"])
    second = await agents.page_after(sort="name", size=2, cursor=first.next)
    third = await agents.page_after(sort="name", size=2, cursor=second.next)

    names = [[each["name"] for each in page.items] for page in (first, second, third)]
    assert names == [["b", "d"], ["f", "g"], ["h"]]
    assert third.next is None


async def test_pages_by_cursor_refuse_what_is_not_theirs(gateway: RepositoryGateway) -> None:
    agents = gateway.repository("agent")
    await agents.bulk_create([_agent(name, tools=["x"]) for name in "abc"])
    page = await agents.page_after(sort="name", size=1)

    with pytest.raises(RefusedError, match="another sort"):
        await agents.page_after(sort="-name", cursor=page.next)
    with pytest.raises(RefusedError, match="none of ours"):
        await agents.page_after(cursor="nonsense")
    with pytest.raises(RefusedError, match="array"):
        await agents.page_after(sort="tools", size=1)
    for projection in ({"model": 1}, {"name": 0}, "-name"):
        with pytest.raises(RefusedError, match="left out"):
            await agents.page_after(sort="name", projection=projection)
    with pytest.raises(RefusedError, match="left out"):
        await gateway.repository("key").page_after(sort="value")
    with pytest.raises(RefusedError, match="no page"):
        await agents.page(page=0)
    shown = await agents.page_after(sort="name", size=1, projection={"name": 1}, cursor=page.next)
    assert [each["name"] for each in shown.items] == ["b"]


async def test_pages_by_offset_tell_the_total(gateway: RepositoryGateway) -> None:
    agents = gateway.repository("agent")
    await agents.bulk_create([_agent(name) for name in "abcde"])

    page = await agents.page({"name": {"$ne": "e"}}, page=2, size=3, sort="name")

    assert [each["name"] for each in page.items] == ["d"]
    assert (page.page, page.pages, page.total) == (2, 2, 4)


async def test_a_transaction_takes_effect_as_a_whole(gateway: RepositoryGateway) -> None:
    agents = gateway.repository("agent")
    await gateway.ensure_indexes("agent")

    async def both(session: Transaction) -> int:
        await agents.create(_agent("a"), session=session)
        await agents.create(_agent("b"), session=session)
        return await agents.count(session=session)

    async def broken(session: Transaction) -> None:
        await agents.create(_agent("c"), session=session)
        await agents.create(_agent("a"), session=session)

    assert await gateway.transaction(both) == 2
    with pytest.raises(DuplicateKeyError):
        await gateway.transaction(broken)
    assert await agents.count() == 2


async def test_a_refusal_undoes_a_transaction_that_does_not_mind(
    gateway: RepositoryGateway,
) -> None:
    agents = gateway.repository("agent")
    await gateway.ensure_indexes("agent")
    await agents.create(_agent("a"))

    async def careless(session: Transaction) -> None:
        await agents.create(_agent("b"), session=session)
        with pytest.raises(DuplicateKeyError):
            await agents.create(_agent("a"), session=session)

    with pytest.raises(RefusedError, match="undid"):
        await gateway.transaction(careless)
    assert await agents.count() == 1


async def test_a_transaction_is_tried_again_where_another_wrote_the_same(
    gateway: RepositoryGateway,
) -> None:
    agents = gateway.repository("agent")
    made = await agents.create(_agent("a", access_level=0))
    attempts = 0

    async def count_up(session: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        seen = await agents.find_by_id(made["_id"], session=session)
        assert seen is not None
        if attempts == 1:
            await agents.update(made["_id"], {"access_level": 10})
        await agents.update(
            made["_id"], {"access_level": seen["access_level"] + 1}, session=session
        )

    await gateway.transaction(count_up)

    found = await agents.find_by_id(made["_id"])
    assert found is not None
    assert found["access_level"] == 11
    assert attempts == 2


async def test_a_gateway_tells_its_health(gateway: RepositoryGateway, clock: Clock) -> None:
    health = await gateway.health()

    assert health.healthy
    assert 0 < health.latency_s < 5
    assert clock.now_ms > 0


async def test_several_writes_go_together(gateway: RepositoryGateway) -> None:
    agents = gateway.repository("agent")
    names = [str(uuid4()) for _ in range(3)]
    own = {"name": {"$in": names}}
    written = await agents.bulk_write(
        [
            *({"insertOne": {"document": _agent(name)}} for name in names),
            {"updateMany": {"filter": own, "update": {"description": "x"}}},
            {"updateOne": {"filter": {"name": names[0]}, "update": {"description": "y"}}},
            {"deleteOne": {"filter": {"name": names[2]}}},
        ]
    )
    assert written == Written(inserted=3, matched=4, modified=4, deleted=1)
    assert sorted(await agents.distinct("description", own)) == ["x", "y"]
    replacement = {"filter": {"name": names[1]}, "replacement": _agent(names[1], tools=["t"])}
    found = await agents.find_one({"name": names[1]})
    told = await agents.bulk_write([{"replaceOne": replacement}])
    replaced = await agents.find_one({"name": names[1]})
    assert (told, found and found["description"]) == (Written(matched=1, modified=1), "x")
    assert replaced is not None
    assert found is not None
    assert (replaced["_id"], replaced["tools"], replaced["__v"]) == (found["_id"], ["t"], 0)
    assert "description" not in replaced
    assert replaced["createdAt"] > found["createdAt"]
    fresh = str(uuid4())
    new = {"filter": {"name": fresh}, "replacement": _agent(fresh), "upsert": True}
    assert await agents.bulk_write([{"replaceOne": new}]) == Written(inserted=1)
    assert await agents.count({"name": fresh, "category": "general"}) == 1
    with pytest.raises(UnsupportedError, match="'hint' of 'replaceOne'"):
        await agents.bulk_write([{"replaceOne": {**new, "hint": "name_1"}}])
    twice = [{"insertOne": {"document": _agent(names[0])}}, {"deleteMany": {"filter": own}}]
    with pytest.raises(DuplicateKeyError):
        await agents.bulk_write(twice)
    assert await agents.count(own) == 2
    with pytest.raises(DuplicateKeyError):
        await agents.bulk_write(twice, ordered=False)
    assert await agents.count(own) == 0


async def test_a_document_is_replaced_but_for_what_is_hidden(gateway: RepositoryGateway) -> None:
    users = gateway.repository("user")
    email = f"{uuid4()}@example.org"
    made = await users.create({"email": email, "password": "a long hash", "name": "Ada"})
    replaced = await users.replace(made["_id"], {"email": email, "username": "ada"})
    assert replaced is not None
    assert (replaced.get("name"), replaced["username"], replaced["__v"]) == (None, "ada", 1)
    found = await users.find_by_id(made["_id"], reveal=["password"])
    assert found == {**replaced, "password": "a long hash"}
    assert await users.replace(ObjectId(), {"email": email}) is None
    with pytest.raises(RefusedError):
        await users.distinct("password")
    assert await users.distinct("password", {"email": email}, reveal=["password"])
