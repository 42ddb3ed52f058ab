"""Users and what is theirs: roles, sessions, tokens, keys, credits, memories. The same on each database."""

import asyncio
from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId

from adapters.mongoose.populating import Populate
from adapters.repositories.balances import BalanceRepository
from adapters.repositories.gateway import RepositoryGateway
from adapters.repositories.keys import KeyRepository
from adapters.repositories.memory_entries import MemoryEntryRepository
from adapters.repositories.plugin_auths import PluginAuthRepository
from adapters.repositories.roles import RoleRepository
from adapters.repositories.sessions import SessionRepository
from adapters.repositories.tokens import TokenRepository
from adapters.repositories.transactions import TransactionRepository
from adapters.repositories.users import UserRepository
from comparators.errors import RefusedError
from tests.integration.repositories.conftest import Clock

HOUR_MS = 3_600_000


def _user(name: str, **more: Any) -> dict[str, Any]:
    return {"username": name, "email": f"{name}@example.org", "provider": "local", **more}


async def test_users_are_found_by_what_they_log_in_with(gateway: RepositoryGateway) -> None:
    users = gateway.repository("user")
    roles = gateway.repository("role")
    assert isinstance(users, UserRepository)
    assert isinstance(roles, RoleRepository)
    made, other = await users.bulk_create(
        [_user("Ada", password="a secret", totpSecret="s"), _user("Bob", role="ADMIN")]
    )
    await roles.create({"name": "USER", "permissions": {"PROMPTS": {"USE": True}}})
    await roles.permit("USER", {"PROMPTS": {"USE": False}, "MEMORIES": {"READ": True}})

    seen = await users.update_last_login(made["_id"])
    with_roles = await users.find_with_roles(made["_id"])

    assert (made["email"], made["username"]) == ("ada@example.org", "ada")
    found = await users.find_by_email(" ADA@Example.org ")
    assert found is not None
    assert found == await users.find_by_username("ADA") == seen
    assert found["lastLogin"] >= made["createdAt"]
    assert with_roles is not None
    assert [each["name"] for each in with_roles["roles"]] == ["USER"]
    assert await users.find_by_username("eve") is None
    alone = await users.find_with_roles(other["_id"])
    assert alone is not None
    assert alone["roles"] == []
    assert await roles.permits("USER", "MEMORIES", "READ")
    assert not await roles.permits("USER", "PROMPTS", "USE")
    assert not await roles.permits("NOBODY", "PROMPTS", "USE")
    assert await roles.find_by_name("USER") is not None


async def test_secrets_leave_only_by_name(gateway: RepositoryGateway) -> None:
    users, tokens = gateway.repository("user"), gateway.repository("token")
    assert isinstance(tokens, TokenRepository)
    secret = {"password": "a secret", "totpSecret": "s", "refreshToken": [{"refreshToken": "r"}]}
    made = await users.create(_user("ada", **secret))
    expires = DatetimeMS(4_000_000_000_000)
    issued = await tokens.issue(made["_id"], "t0k3n", expires, more={"type": "reset"})

    changed = await users.update(made["_id"], {"name": "Ada"})
    found = await users.find_by_id(made["_id"])
    named = await users.find_by_id(made["_id"], reveal=["password"], projection={"name": 1})
    everything = await users.aggregate([{"$project": {"p": "$password", "n": "$name"}}])
    lookup = {"from": "users", "localField": "userId", "foreignField": "_id", "as": "user"}
    [joined] = await tokens.aggregate([{"$lookup": lookup}])
    [other] = await users.find_with_join(
        other="Token", local="_id", foreign="userId", into="tokens"
    )

    for each in (made, changed, found, joined["user"][0]):
        assert each is not None
        assert not secret.keys() & each.keys()
    assert named == {"_id": made["_id"], "name": "Ada", "password": "a secret"}
    assert everything == [{"_id": made["_id"], "n": "Ada"}]
    assert "token" not in issued
    assert "token" not in joined
    assert "token" not in other["tokens"][0]
    assert not secret.keys() & other.keys()
    [shown] = await users.aggregate([{"$project": {"p": "$password"}}], reveal=["password"])
    assert shown["p"] == "a secret"


async def test_sessions_and_tokens_expire(gateway: RepositoryGateway, clock: Clock) -> None:
    sessions, tokens = gateway.repository("session"), gateway.repository("token")
    assert isinstance(sessions, SessionRepository)
    assert isinstance(tokens, TokenRepository)
    user = ObjectId()
    soon = DatetimeMS(clock.now_ms + HOUR_MS)
    opened = await sessions.open(user, "hash", soon)
    longer = await sessions.open(user, "other", DatetimeMS(clock.now_ms + 3 * HOUR_MS))
    await tokens.issue(user, "one", soon, more={"type": "reset"})
    await tokens.issue(user, "two", DatetimeMS(clock.now_ms + 3 * HOUR_MS), more={"type": "x"})
    assert await sessions.find_by_token(user, "hash") == opened
    assert await sessions.count_by_user(user) == 2
    assert len(await tokens.find_by_type(user, "reset")) == 1

    clock.now_ms += 2 * HOUR_MS

    assert await sessions.find_by_token(user, "hash") is None
    assert await sessions.find_by_id(opened["_id"]) is None
    assert await sessions.extend(opened["_id"], DatetimeMS(clock.now_ms + HOUR_MS)) is None
    assert await sessions.find_by_user(user) == [longer]
    assert await sessions.count_by_user(user) == 1
    assert await sessions.aggregate([{"$count": "n"}]) == [{"n": 1}]
    await gateway.repository("user").create({**_user("ada"), "_id": user})
    [joined] = await gateway.repository("user").find_with_join(
        other="Session", local="_id", foreign="user", into="sessions"
    )
    assert joined["sessions"] == [longer]
    assert await tokens.find_by_token("one") is None
    assert await tokens.consume("one") is None
    consumed = [await tokens.consume("two"), await tokens.consume("two")]
    assert [each is None for each in consumed] == [False, True]
    extended = await sessions.extend(
        longer["_id"], DatetimeMS(clock.now_ms + HOUR_MS), token_hash="new"
    )
    assert extended is not None
    assert await sessions.find_by_token(user, "new") == extended
    assert await sessions.delete_expired() == 1
    assert await sessions.delete_by_user(user) == 1


async def test_references_to_what_has_expired_lead_nowhere(
    gateway: RepositoryGateway, clock: Clock
) -> None:
    messages, talks = gateway.repository("message"), gateway.repository("conversation")
    users, balances = gateway.repository("user"), gateway.repository("balance")
    soon = DatetimeMS(clock.now_ms + HOUR_MS)
    kept, lost = [
        await messages.create({"messageId": each, "conversationId": "c", "user": "u", **more})
        for each, more in (("kept", {}), ("lost", {"expiredAt": soon}))
    ]
    talk = {"conversationId": "c", "user": "u", "messages": [lost["_id"], kept["_id"]]}
    talk = await talks.create({**talk, "endpoint": "openAI"})
    week = [
        await users.create(_user("ada")),
        await users.create({**_user("bob"), "expiresAt": soon}),
    ]
    for each in week:
        await balances.create({"user": each["_id"], "tokenCredits": 1})
    asked = Populate(path="messages", select="messageId expiredAt", match={"user": "u"})
    before = await talks.find_by_id(talk["_id"], populate=[asked])
    owners = await balances.find(sort="user", populate=["user"])

    clock.now_ms += 2 * HOUR_MS
    after = await talks.find_one({"conversationId": "c"}, populate=[asked])
    page = await talks.page_after({"conversationId": "c"}, populate=[asked])
    clock.now_ms += 7 * 24 * HOUR_MS
    later = await balances.find(sort="user", populate=[Populate(path="user", select="name")])

    assert before is not None
    assert after is not None
    assert [each["messageId"] for each in before["messages"]] == ["lost", "kept"]
    assert [each["messageId"] for each in after["messages"]] == ["kept"]
    assert page.items == [after]
    assert [each["user"]["_id"] for each in owners] == [each["_id"] for each in week]
    assert [each["user"] and each["user"]["_id"] for each in later] == [week[0]["_id"], None]


async def test_keys_and_credentials_are_replaced_and_told_by_name(
    gateway: RepositoryGateway, clock: Clock
) -> None:
    keys, auths = gateway.repository("key"), gateway.repository("plugin_auth")
    memories = gateway.repository("memory_entry")
    assert isinstance(keys, KeyRepository)
    assert isinstance(auths, PluginAuthRepository)
    assert isinstance(memories, MemoryEntryRepository)
    user = ObjectId()

    await keys.put(user, "openAI", "first", expires=DatetimeMS(clock.now_ms + HOUR_MS))
    put = await keys.put(user, "openAI", "second")
    await keys.put(user, "short", "lived", expires=DatetimeMS(clock.now_ms + HOUR_MS))
    clock.now_ms += 2 * HOUR_MS
    await auths.put(str(user), "API_KEY", "k", plugin="search")
    await auths.put(str(user), "API_KEY", "l", plugin="search")
    await memories.put(user, "likes", "tea", tokens=1)
    await memories.put(user, "likes", "coffee", tokens=2)

    assert put is not None
    assert put.keys() == {"_id", "userId", "name", "__v"}
    assert await keys.value_of(user, "openAI") == "second"
    assert await keys.value_of(user, "short") is None
    assert await keys.find_by_name(user, "openAI") == put
    assert await keys.delete_by_name(user, "openAI")
    assert await auths.value_of(str(user), "API_KEY") == "l"
    [known] = await auths.find_by_plugin(str(user), "search")
    assert "value" not in known
    assert await auths.delete_by_field(str(user), "API_KEY") == 1
    assert await auths.value_of(str(user), "API_KEY", plugin="search") is None
    remembered = await memories.find_by_name(user, "likes")
    assert remembered is not None
    assert (remembered["value"], remembered["tokenCount"]) == ("coffee", 2)
    assert await memories.count_by_user(user) == 1
    assert await memories.forget(user, "likes")


async def test_balances_are_exact_beside_their_transactions(
    gateway: RepositoryGateway, clock: Clock
) -> None:
    balances, transactions = gateway.repository("balance"), gateway.repository("transaction")
    users = gateway.repository("user")
    assert isinstance(balances, BalanceRepository)
    assert isinstance(transactions, TransactionRepository)
    assert isinstance(users, UserRepository)
    user = (await users.create(_user("ada")))["_id"]
    clock.now_ms = 1_700_000_000_000
    await balances.credit(user, 1_000, {"context": "gift"})

    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(
                balances.spend(user, 100, {"tokenType": "prompt", "model": "m", "context": "chat"})
            )
    clock.now_ms += 24 * HOUR_MS
    left = await balances.spend(user, 0.25, {"tokenType": "completion", "model": "n"})
    with pytest.raises(RefusedError, match="suffice"):
        await balances.spend(user, 600)

    assert left["tokenCredits"] == 599.75
    found = await balances.find_by_user(user)
    assert found == left
    with_balance = await users.find_with_balance(user)
    assert with_balance is not None
    assert with_balance["balance"]["tokenCredits"] == 599.75
    assert await transactions.total(user) == 599.75
    assert await transactions.sums_by_type(user=user) == [
        {"tokenType": "completion", "tokenValue": -0.25, "rawAmount": -0.25, "count": 1},
        {"tokenType": "credits", "tokenValue": 1000, "rawAmount": 1000, "count": 1},
        {"tokenType": "prompt", "tokenValue": -400, "rawAmount": -400, "count": 4},
    ]
    days = await transactions.sums_by_period("day", user=user)
    assert [(each["period"], each["tokenValue"]) for each in days] == [
        ("2023-11-14", 600),
        ("2023-11-15", -0.25),
    ]
    since = DatetimeMS(clock.now_ms - HOUR_MS)
    assert await transactions.sums_by_model(user=user, since=since) == [
        {"model": "n", "tokenValue": -0.25, "rawAmount": -0.25, "count": 1}
    ]
    assert len(await transactions.find_by_user(user, limit=3)) == 3
    with pytest.raises(RefusedError, match="century"):
        await transactions.sums_by_period("century")
