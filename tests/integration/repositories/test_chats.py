"""Conversations and what is in them: messages, tags, files, links, presets. The same on each database."""

from typing import Any

from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId

from adapters.repositories.conversation_tags import ConversationTagRepository
from adapters.repositories.conversations import ConversationRepository
from adapters.repositories.files import FileRepository
from adapters.repositories.gateway import RepositoryGateway
from adapters.repositories.messages import MessageRepository
from adapters.repositories.presets import PresetRepository
from adapters.repositories.projects import ProjectRepository
from adapters.repositories.shared_links import SharedLinkRepository
from adapters.repositories.tool_calls import ToolCallRepository
from tests.integration.repositories.conftest import Clock

HOUR_MS = 3_600_000
ADA, BOB = str(ObjectId()), str(ObjectId())


def _message(name: str, above: str | None, **more: Any) -> dict[str, Any]:
    made = {"messageId": name, "conversationId": "c1", "user": ADA, "text": f"Text of {name}."}
    return {**made, "parentMessageId": above, **more}


def _outline(tree: list[dict[str, Any]]) -> list[Any]:
    return [(each["messageId"], _outline(each["children"])) for each in tree]


async def test_messages_make_a_tree(gateway: RepositoryGateway) -> None:
    messages = gateway.repository("message")
    assert isinstance(messages, MessageRepository)
    pairs = [("m1", None), ("m2", "m1"), ("m3", "m2"), ("m4", "m2"), ("m5", "gone")]
    for name, above in pairs:
        await messages.create(_message(name, above))
    await messages.bulk_create([_message("m6", "m7"), _message("m7", "m6")])
    await messages.create(_message("b1", None, user=BOB))

    tree = await messages.thread_tree("c1", user=ADA)

    outline = _outline(tree)
    assert outline[:2] == [("m1", [("m2", [("m3", []), ("m4", [])])]), ("m5", [])]
    # Which of two that answer each other comes first is not said.
    assert len(outline) == 3
    assert len(await messages.find_by_conversation("c1")) == 8
    assert [each["messageId"] for each in await messages.find_by_conversation("c1", limit=2)] == [
        "m1",
        "m2",
    ]
    found = await messages.search(ADA, "TEXT of m4.")
    assert [each["messageId"] for each in found] == ["m4"]
    assert await messages.search(BOB, "m4") == []
    assert await messages.search(ADA, "m.") == []
    assert await messages.find_by_key("m4") == found[0]
    assert await messages.delete_by_conversation("c1", user=BOB) == 1
    assert await messages.delete_by_conversation("c1") == 7


async def test_conversations_are_archived_and_searched(gateway: RepositoryGateway) -> None:
    conversations, messages = gateway.repository("conversation"), gateway.repository("message")
    assert isinstance(conversations, ConversationRepository)
    for name in ("c1", "c2", "c3"):
        kept = {"conversationId": name, "title": f"About {name}", "user": ADA}
        await conversations.create({**kept, "endpoint": "openAI"})
    await messages.create(_message("m1", None, text="a needle"))
    await messages.create(_message("m2", "m1"))

    archived = await conversations.archive("c2", ADA)
    nobodys = await conversations.archive("c1", BOB)
    first = await conversations.page_by_user(ADA, size=1)
    second = await conversations.page_by_user(ADA, size=1, cursor=first.next)
    away = await conversations.page_by_user(ADA, archived=True)
    whole = await conversations.find_with_messages("c1", user=ADA)

    assert archived is not None
    assert nobodys is None
    assert [each["conversationId"] for each in (*first.items, *second.items)] == ["c3", "c1"]
    assert second.next is None
    assert [each["conversationId"] for each in away.items] == ["c2"]
    assert whole is not None
    assert [each["messageId"] for each in whole["messages"]] == ["m1", "m2"]
    assert await conversations.find_with_messages("c1", user=BOB) is None
    by_message = await conversations.search(ADA, "NEEDLE")
    assert [each["conversationId"] for each in by_message] == ["c1"]
    by_title = await conversations.search(ADA, "about c3")
    assert [each["conversationId"] for each in by_title] == ["c3"]
    assert await conversations.search(BOB, "needle") == []
    back = await conversations.unarchive("c2", ADA)
    assert back is not None
    assert back["isArchived"] is False
    assert await conversations.update_by_key("c1", {"title": "x"}) is not None
    assert await conversations.delete_by_key("c1")
    assert await conversations.count_by_user(ADA) == 2


async def test_tags_presets_and_projects_belong_to_users(gateway: RepositoryGateway) -> None:
    tags, presets = gateway.repository("conversation_tag"), gateway.repository("preset")
    projects, conversations = gateway.repository("project"), gateway.repository("conversation")
    assert isinstance(tags, ConversationTagRepository)
    assert isinstance(presets, PresetRepository)
    assert isinstance(projects, ProjectRepository)
    for name, owner in (("c1", ADA), ("c2", BOB)):
        tagged = {"conversationId": name, "user": owner, "tags": ["a", "work", "z"]}
        await conversations.create({**tagged, "endpoint": "openAI"})
    await tags.count_use(ADA, "work")
    await tags.count_use(ADA, "work", by=2)
    for name in ("p1", "p2"):
        await presets.create({"presetId": name, "user": ADA, "endpoint": "openAI"})
    project = await projects.create({"name": "P", "user": ADA})

    renamed = await tags.rename(ADA, "work", "play")
    for name in ("p1", "p2", "none"):
        await presets.set_default(ADA, name)
    await projects.add_conversation(project["_id"], "c1")
    await projects.remove_conversation(project["_id"])

    assert renamed is not None
    assert (renamed["tag"], renamed["count"]) == ("play", 3)
    assert await tags.find_by_tag(ADA, "play") == renamed
    kept = {
        each["conversationId"]: each["tags"]
        for each in await conversations.find(projection="tags conversationId")
    }
    assert kept == {"c1": ["a", "play", "z"], "c2": ["a", "work", "z"]}
    default = await presets.find_default(ADA)
    assert default is not None
    assert default["presetId"] == "p2"
    assert await presets.count({"defaultPreset": True}) == 1
    [found] = await projects.find_by_user(ADA)
    assert (found["conversationCount"], found["lastConversationId"]) == (0, "c1")
    assert await projects.remove_conversation(project["_id"]) is None


async def test_files_expire_unless_they_are_used(gateway: RepositoryGateway, clock: Clock) -> None:
    files, agents = gateway.repository("file"), gateway.repository("agent")
    assert isinstance(files, FileRepository)
    for name in ("f1", "f2", "f3"):
        known = {"file_id": name, "user": ADA, "conversationId": "c1", "bytes": 100, "type": "t"}
        await files.create({**known, "filename": name, "filepath": f"/{name}"})
    resources = {"file_search": {"file_ids": ["f1", "f3"]}, "code": {}}
    agent = {"id": "a", "provider": "openAI", "model": "m", "author": ADA}
    await agents.create({**agent, "tool_resources": resources})
    for name in ("f1", "f2"):
        await files.expire(name, DatetimeMS(clock.now_ms))

    used = await files.count_use("f1")
    of_agent = await files.find_by_agent("a")
    clock.now_ms += 2 * HOUR_MS

    assert used is not None
    assert used["usage"] == 1
    assert "expiresAt" not in used
    assert [each["file_id"] for each in of_agent] == ["f1", "f3"]
    assert await files.find_by_agent("nobody") == []
    assert {each["file_id"] for each in await files.find_by_conversation("c1")} == {"f1", "f3"}
    assert [each["file_id"] for each in await files.find_expired()] == ["f2"]
    assert await files.usage_by_user(ADA) == {"files": 2, "bytes": 200}
    assert await files.usage_by_user(BOB) == {"files": 0, "bytes": 0}
    assert await files.delete_expired() == 1


async def test_links_and_tool_calls_of_a_conversation(gateway: RepositoryGateway) -> None:
    links, calls = gateway.repository("shared_link"), gateway.repository("tool_call")
    messages = gateway.repository("message")
    assert isinstance(links, SharedLinkRepository)
    assert isinstance(calls, ToolCallRepository)
    first = await messages.create(_message("m1", None))
    link = {"conversationId": "c1", "user": ADA, "shareId": "s1", "messages": [first["_id"]]}
    await links.create(link)
    for message in ("m1", "m1", "m2"):
        call = {"conversationId": "c1", "messageId": message, "toolId": "t", "user": ADA}
        await calls.create(call)

    shared = await links.find_with_messages("s1")

    assert shared is not None
    assert shared["messages"] == [first]
    assert len(await links.find_by_conversation("c1", ADA)) == 1
    assert await links.find_by_conversation("c1", BOB) == []
    assert len(await calls.find_by_message("m1")) == 2
    assert len(await calls.find_by_conversation("c1")) == 3
    assert await calls.delete_by_conversation("c1") == 3
