import pytest

from adapters.entities.naming import column_of, snake, table_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("conversationId", "conversation_id"),
        ("iconURL", "icon_url"),
        ("MCPServer", "mcp_server"),
        ("top_p", "top_p"),
        ("address2", "address2"),
        ("_meiliIndex", "meili_index"),
        ("größe", "größe"),
        ("$", "field"),
    ],
)
def test_words_are_told_apart(name: str, expected: str) -> None:
    assert snake(name) == expected


@pytest.mark.parametrize(
    ("model", "collection", "table"),
    [
        ("AclEntry", "aclentries", "acl_entries"),
        ("SkillSyncStatus", "skillsyncstatuses", "skill_sync_statuses"),
        ("Key", "keys", "keys"),
        ("AuditEntry", "trailOfAll", "trail_of_all"),
    ],
)
def test_a_table_has_the_plural_of_its_collection(model: str, collection: str, table: str) -> None:
    assert table_of(model, collection) == table


def test_a_primary_key_of_another_table_is_called_so() -> None:
    assert column_of("author", "Skill", set(), points=True) == "author_id"
    assert column_of("createdBy", "Skill", set(), points=True) == "created_by"
    assert column_of("userId", "Skill", set(), points=True) == "user_id"


def test_a_long_name_is_cut_and_stays_distinct() -> None:
    first = column_of("a" * 100, "Skill", set())

    assert len(first) < 63
    assert column_of("a" * 101, "Skill", {first}) == f"{first}_2"


def test_a_field_called_id_is_told_from_the_primary_key() -> None:
    assert column_of("id", "AgentTrigger", set()) == "agent_trigger_id"
