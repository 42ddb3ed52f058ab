import json
from pathlib import Path

import pytest

from proxy.cli.entry import run


def test_a_document_and_a_query_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "user.json"
    file.write_text('{"_id": {"$oid": "0123456789abcdef01234567"}, "email": "a@example"}')
    arguments = ["map", "explain", "chat.users", "--entities", "librechat"]

    code = run([*arguments, "--document", str(file), "--filter", '{"email": "a@example"}'])

    told = capsys.readouterr().out
    assert code == 0
    assert "  email (string) → email text" in told
    assert "FROM chat.users" in told
    assert "residual: nothing" in told
    assert "a@example" not in told


def test_a_collection_without_a_map_is_a_table_of_documents(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["map", "explain", "shop.orders", "--filter", '{"a": 1}', "--limit", "5"]) == 0
    assert "FROM shop.orders" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["{", "[]", '{"$nonsense": 1}'])
def test_a_query_that_is_none_is_refused(text: str) -> None:
    assert run(["map", "explain", "shop.orders", "--filter", text]) == 78


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (
            '{"find": "users", "filter": {"email": "a"}, "limit": 3}',
            ["limit 3", "residual: nothing"],
        ),
        ('{"count": "users", "query": {"email": "a"}}', ["count(", "sql: counts"]),
        ('{"count": "users", "query": {"email": {"$regex": "(?<=a)b"}}}', ["in memory: counts"]),
        ('{"distinct": "users", "key": "provider"}', ["GROUP BY", "sql: distinct values"]),
        (
            '{"aggregate": "users", "pipeline": [{"$group": {"_id": "$provider"}}, {"$set": {"x": 1}}]}',
            ["GROUP BY", "sql: groups", "in memory: $addFields"],
        ),
        (
            '{"aggregate": "users", "pipeline": [{"$unwind": "$a"}]}',
            ["sql: every row", "in memory: $unwind"],
        ),
        (
            '{"update": "conversations", "updates": [{"q": {"_id": OID}, "u": {"$set": {"title": "b"}}}]}',
            ["UPDATE chat.conversations", "sql: changes the row without reading it"],
        ),
        (
            '{"update": "users", "updates": [{"q": {"name": "c"}, "u": [{"$set": {"x": 1}}]}]}',
            ["FOR UPDATE", "residual: nothing", "in memory: the change"],
        ),
        (
            '{"delete": "users", "deletes": [{"q": {"email": "a"}, "limit": 1}]}',
            ["FOR UPDATE", "sql: then deletes by primary key"],
        ),
        (
            '{"findAndModify": "users", "query": {"email": "a"}, "update": {"$set": {"name": "b"}}}',
            ["in memory: the change"],
        ),
    ],
)
def test_a_command_is_explained(
    command: str, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = command.replace("OID", '{"$oid": "0123456789abcdef01234567"}')
    namespace = f"chat.{next(iter(json.loads(asked).values()))}"

    assert run(["map", "explain", namespace, "--entities", "librechat", "--command", asked]) == 0

    shown = capsys.readouterr().out
    assert [each for each in told if each not in shown] == [], shown


def test_a_command_without_a_plan_is_not_explained() -> None:
    assert run(["map", "explain", "chat.users", "--command", '{"ping": 1}']) != 0
