"""`parallax http tokens`, as an operator calls it."""

from pathlib import Path

import pytest

from proxy.cli.entry import run
from proxy.http.tokens import Scope, Tokens


def test_a_token_is_printed_once_listed_and_taken_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", str(tmp_path)]
    tokens = Tokens(tmp_path / "http-tokens.toml")

    def said(*arguments: str) -> tuple[int, str]:
        code = run(["http", "tokens", *arguments, *data])
        return code, capsys.readouterr().out.strip()

    code, secret = said("add", "ops", "--scope", "read", "--scope", "write")
    assert code == 0
    owner = tokens.owner_of(secret)
    assert owner is not None
    assert (owner.name, owner.scopes) == ("ops", frozenset({Scope.READ, Scope.WRITE}))
    assert said("add", "ops", "--scope", "admin")[0] == 77
    assert said("ls") == (0, "ops\tread write")
    assert said("rm", "nobody")[0] == 77
    assert said("rm", "ops") == (0, "")
    assert tokens.owner_of(secret) is None


def test_without_a_token_nothing_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["http", "--data", str(tmp_path), "--database", "mongodb://127.0.0.1:1/x"])

    assert code == 78
    assert "parallax http tokens add" in capsys.readouterr().err
