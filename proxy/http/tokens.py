"""Who may do what: tokens, of which the file keeps only hashes, and their scopes.

A token is drawn at random with more bits than anybody can try, so that one plain hash hides it.
"""

import hashlib
import hmac
import json
import os
import secrets
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from comparators.errors import SettingsError

_TOKEN_BYTES: Final = 32
_PREFIX: Final = "plx_"
_MODE: Final = 0o600


class Scope(StrEnum):
    """What a token allows; `admin` allows everything."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as the file keeps it. One of a `user` searches what is theirs, and does nothing else."""

    name: str
    sha256: str
    scopes: frozenset[Scope]
    user: str | None = None

    def allows(self, scope: Scope) -> bool:
        """Return whether the token may do what takes this scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


class Tokens:
    """The tokens of a file, read anew when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._tokens: tuple[Token, ...] = ()

    @property
    def all(self) -> tuple[Token, ...]:
        """The tokens as the file has them now; SettingsError where it cannot be read."""
        try:
            status = self._path.stat()
        except OSError as error:
            raise _missing(self._path) from error
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp != self._stamp:
            self._tokens = read_tokens(self._path)
            self._stamp = stamp
        return self._tokens

    def owner_of(self, secret: str) -> Token | None:
        """Return whose token this is; it takes as long for each."""
        digest = hash_of(secret)
        found = None
        for token in self.all:
            if hmac.compare_digest(digest, token.sha256):
                found = token
        return found


def hash_of(secret: str) -> str:
    """Return what the file keeps of a token."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()


def new_secret() -> str:
    """Return a token that nobody has."""
    return _PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Return the tokens of a file; SettingsError for one that cannot be read."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("tokens", [])
    except FileNotFoundError as error:
        raise _missing(path) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _broken(path, str(error)) from error
    try:
        tokens = tuple(
            Token(
                name=str(entry["name"]),
                sha256=str(entry["sha256"]),
                scopes=frozenset(map(Scope, entry["scopes"])),
                user=_user(entry),
            )
            for entry in entries
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _broken(path, f"{type(error).__name__}: {error}") from error
    if len({token.name for token in tokens}) != len(tokens):
        raise _broken(path, "two tokens have one name")
    return tokens


def write_tokens(path: Path, tokens: Sequence[Token]) -> None:
    """Replace a file as a whole, for its owner alone."""
    lines = ["# The tokens of `parallax http`: names, scopes, and hashes of the tokens themselves."]
    for token in tokens:
        lines += [
            "",
            "[[tokens]]",
            # A JSON text is one of TOML, too.
            f"name = {json.dumps(token.name)}",
            f"sha256 = {json.dumps(token.sha256)}",
            f"scopes = {json.dumps(sorted(token.scopes))}",
        ]
        if token.user is not None:
            lines.append(f"user = {json.dumps(token.user)}")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor has no path
        file.write("\n".join(lines) + "\n")
    beside.replace(path)


def _user(entry: Mapping[str, Any]) -> str | None:
    user = entry.get("user")
    if user is None or (isinstance(user, str) and user):
        return user
    # Whoever may search as nobody might be taken for one who may do everything.
    message = "`user` is a text"
    raise ValueError(message)


def _missing(path: Path) -> SettingsError:
    return SettingsError(
        f"there is no file of tokens {path}",
        where="http.tokens",
        remedy="make a first token with `parallax http tokens add NAME --scope admin`",
    )


def _broken(path: Path, why: str) -> SettingsError:
    return SettingsError(
        f"the file of tokens cannot be read: {why}",
        where=str(path),
        remedy="each of `[[tokens]]` has `name`, `sha256` and `scopes`; or make them anew",
    )
