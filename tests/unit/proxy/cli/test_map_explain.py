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
