"""Tokens in their file."""

from pathlib import Path

import pytest

from comparators.errors import SettingsError
from proxy.http.tokens import Scope, Token, Tokens, hash_of, new_secret, read_tokens, write_tokens


def token(name: str, secret: str, *scopes: Scope) -> Token:
    return Token(name=name, sha256=hash_of(secret), scopes=frozenset(scopes))


def test_the_file_keeps_hashes_for_its_owner_alone(tmp_path: Path) -> None:
    path, secret = tmp_path / "below" / "tokens.toml", new_secret()
    kept = [token('a "name"\n', secret, Scope.READ, Scope.WRITE), token("b", "x", Scope.ADMIN)]

    write_tokens(path, kept)

    assert read_tokens(path) == tuple(kept)
    assert secret not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(secret) > 40


def test_a_token_is_known_while_the_file_has_it(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    write_tokens(path, [token("a", "secret", Scope.READ)])
    tokens = Tokens(path)

    owner = tokens.owner_of("secret")
    assert owner is not None
    assert owner.name == "a"
    assert tokens.owner_of("secret ") is None
    assert tokens.owner_of("\udce4") is None
    write_tokens(path, [token("b", "other secret", Scope.READ)])
    assert tokens.owner_of("secret") is None
    assert tokens.owner_of("other secret") is not None


def test_admin_allows_everything_and_nothing_else_does() -> None:
    allowed = {
        scope: {asked for asked in Scope if token("t", "s", scope).allows(asked)} for scope in Scope
    }

    assert allowed == {
        Scope.READ: {Scope.READ},
        Scope.WRITE: {Scope.WRITE},
        Scope.ADMIN: set(Scope),
    }


@pytest.mark.parametrize(
    "text",
    [
        "[[tokens]]",
        '[[tokens]]\nname = "a"\nsha256 = "b"\nscopes = ["all"]',
        '[[tokens]]\nname = "a"\nsha256 = "b"\nscopes = []\n' * 2,
        "tokens = 3",
        "{",
        None,
    ],
)
def test_a_file_that_cannot_be_read_is_a_wrong_setting(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "tokens.toml"
    if text is not None:
        path.write_text(text)

    with pytest.raises(SettingsError):
        read_tokens(path)
