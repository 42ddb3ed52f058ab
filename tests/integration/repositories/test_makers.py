"""What people make for others: agents, assistants, prompts, actions, banners; and what is kept of it. Alike on each database."""

from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId

from adapters.repositories.actions import ActionRepository
from adapters.repositories.agents import AgentRepository
from adapters.repositories.assistants import AssistantRepository
from adapters.repositories.audit_logs import AuditLogRepository
from adapters.repositories.banners import BannerRepository
from adapters.repositories.categories import CategoryRepository
from adapters.repositories.gateway import RepositoryGateway
from adapters.repositories.prompts import PromptGroupRepository, PromptRepository
from comparators.errors import RefusedError
from tests.integration.repositories.conftest import Clock

AUTHOR = ObjectId()
HOUR_MS = 3_600_000


async def test_agents_have_tools_and_files(gateway: RepositoryGateway) -> None:
    agents, assistants = gateway.repository("agent"), gateway.repository("assistant")
    actions, categories = gateway.repository("action"), gateway.repository("category")
    assert isinstance(agents, AgentRepository)
    assert isinstance(assistants, AssistantRepository)
    assert isinstance(actions, ActionRepository)
    assert isinstance(categories, CategoryRepository)
    made = {"provider": "openAI", "model": "m", "author": AUTHOR}
    await agents.create({**made, "id": "a1", "category": "hr", "is_promoted": True})
    await agents.create({**made, "id": "a2"})
    await assistants.create({"assistant_id": "s", "user": AUTHOR, "file_ids": ["f"]})
    metadata = {"domain": "example.org", "api_key": "secret", "oauth_client_secret": "secret"}
    action = {"user": AUTHOR, "action_id": "x", "agent_id": "a1", "metadata": metadata}
    await actions.create(action)
    for value, active in (("b", True), ("a", True), ("c", False)):
        await categories.create({"value": value, "label": value, "isActive": active})

    for tool in ("search", "code", "search"):
        await agents.add_tool("a1", tool)
    await agents.remove_tool("a1", "code")
    await agents.add_file("a1", "file_search", "f1")
    await agents.add_file("a1", "file_search", "f2")
    changed = await agents.remove_file("a1", "file_search", "f1")

    assert changed is not None
    assert changed["tools"] == ["search"]
    assert changed["tool_resources"] == {"file_search": {"file_ids": ["f2"]}}
    assert await agents.find_by_category("hr") == await agents.find_promoted() == [changed]
    assert {each["id"] for each in await agents.find_by_user(AUTHOR)} == {"a1", "a2"}
    assert [each["assistant_id"] for each in await assistants.find_by_file("f")] == ["s"]
    [known] = await actions.find_by_agent("a1")
    assert known["metadata"] == {"domain": "example.org"}
    shown = await actions.find_by_key("x", reveal=["metadata.api_key"])
    assert shown is not None
    assert shown["metadata"] == {"domain": "example.org", "api_key": "secret"}
    assert await actions.find_by_assistant("s") == []
    assert [each["value"] for each in await categories.find_active()] == ["a", "b"]


async def test_groups_of_prompts_have_one_in_production(gateway: RepositoryGateway) -> None:
    prompts, groups = gateway.repository("prompt"), gateway.repository("prompt_group")
    assert isinstance(prompts, PromptRepository)
    assert isinstance(groups, PromptGroupRepository)
    group = {"name": "G", "author": AUTHOR, "authorName": "Ada", "category": "hr"}
    text = {"prompt": "Say it.", "type": "text", "author": AUTHOR}

    held, first = await groups.create_with_prompt(group, text)
    second = await prompts.create({**text, "prompt": "Say more.", "groupId": held["_id"]})
    [before] = await groups.find_with_production({"name": "G"}, limit=1)
    await groups.publish(held["_id"], second["_id"])
    used = await groups.count_use(held["_id"])
    [after] = await groups.find_with_production()

    assert before["productionPrompt"] == first
    assert after["productionPrompt"] == second
    assert used is not None
    assert used["numberOfGenerations"] == 1
    assert await prompts.find_by_group(held["_id"]) == [second, first]
    assert await prompts.count_by_user(AUTHOR) == 2
    assert len(await groups.find_by_category("hr")) == 1
    assert await groups.delete_with_prompts(held["_id"])
    assert await prompts.count() == 0


async def test_banners_show_in_their_time(gateway: RepositoryGateway, clock: Clock) -> None:
    banners = gateway.repository("banner")
    assert isinstance(banners, BannerRepository)
    now = clock.now_ms
    times: list[dict[str, Any]] = [
        {"displayFrom": DatetimeMS(now - HOUR_MS)},
        {"displayFrom": DatetimeMS(now - 2 * HOUR_MS), "displayTo": DatetimeMS(now + HOUR_MS)},
        {"displayFrom": DatetimeMS(now - 3 * HOUR_MS), "displayTo": DatetimeMS(now - HOUR_MS)},
        {"displayFrom": DatetimeMS(now + HOUR_MS)},
    ]
    for number, shown in enumerate(times):
        banner = {"bannerId": str(number), "message": "M", "isPublic": number == 1}
        await banners.create({**banner, **shown})

    assert [each["bannerId"] for each in await banners.find_current()] == ["0", "1"]
    assert [each["bannerId"] for each in await banners.find_current(public=True)] == ["1"]


async def test_nobody_changes_the_audit_log_unseen(gateway: RepositoryGateway) -> None:
    log = gateway.repository("audit_log")
    assert isinstance(log, AuditLogRepository)
    entry = {
        "category": "grant",
        "action": "grant.assigned",
        "outcome": "success",
        "severity": "info",
        "actor": {"type": "user", "name": "Ada", "id": str(AUTHOR)},
        "target": {"type": "agent", "id": "a1"},
        "metadata": {"to": "everybody", "bits": 3},
        "unknown": "dropped",
    }

    first = await log.append("main", entry)
    for _ in range(2):
        await log.append("main", entry)
    await log.append("other", entry)
    whole = await log.first_broken("main")
    one, kept = {"_id": first["_id"]}, {"outcome": "failure"}
    for changing in (
        log.update(first["_id"], kept),
        log.update_where({"chainKey": "new"}, kept, upsert=True),
        log.update_many({}, kept),
        log.replace(first["_id"], entry),
        log.delete(first["_id"]),
        log.delete_many({}),
        log.bulk_write([{"deleteOne": {"filter": one}}]),
        gateway.transaction(lambda session: log.delete(first["_id"], session=session)),
    ):
        with pytest.raises(RefusedError, match="never changed or deleted"):
            await changing
    # Mongoose would not change what is immutable: somebody does it in the database.
    await log.model.delete_one({"chainKey": "main", "seq": 1})

    assert (first["seq"], "unknown" in first) == (0, False)
    assert whole is None
    assert await log.first_broken("main") == 1
    assert await log.first_broken("other") is None
    assert len(await log.find_by_target("agent", "a1")) == 3
