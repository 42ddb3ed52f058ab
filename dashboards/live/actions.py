"""What can be done from the page: who may, what is asked for, and what is said of how it came out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Any, Final, Protocol

from aiohttp import web

from comparators.errors import (
    ParallaxError,
    RefusedError,
    SettingsError,
    UnreachableError,
)
from comparators.rules import EXACT, Effect, Tolerance
from dashboards.live.entrance import forbidden

READ_ONLY: Final = "this page is read-only: set `dashboard.token`, and log in, to act from here"
MOST_CHARACTERS: Final = 500
_MOST_BYTES: Final = 64 * 1024
_STATUS: Final[Mapping[type[ParallaxError], int]] = {
    SettingsError: 400,
    RefusedError: 409,
    UnreachableError: 503,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who does something, and why: both go on the ledger."""

    who: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What something is done about: a group of mismatches, or a document of a collection by the ledger's name."""

    group: str = ""
    namespace: str = ""
    document: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excuse:
    """What a rule shall say, besides the reason: `author.why`.

    Without `kinds` of operation, or `changes`, it covers all of them; a bound of 0 is none.
    """

    effect: Effect
    collection: str
    path: str
    kinds: tuple[str, ...]
    changes: tuple[str, ...]
    tolerance: Tolerance
    owner: str
    expires: date


class Actions(Protocol):
    """Does it; each returns what is to be said of the outcome, ParallaxError where it cannot be done."""

    async def recheck(self, subject: Subject, author: Author) -> Sequence[str]:
        """Compare the documents once more."""

    async def repair(self, subject: Subject, author: Author) -> Sequence[str]:
        """Make the documents of the gateway equal to MongoDB's."""

    async def declare(self, subject: Subject, excuse: Excuse, author: Author) -> Sequence[str]:
        """Declare a rule, and compare the documents under it."""

    async def withdraw(self, rule: str, author: Author) -> Sequence[str]:
        """Withdraw a rule by its name."""


def act(app: web.Application, actions: Actions | None) -> None:
    """Add what can be done; without `actions` all of it is refused."""

    async def take(request: web.Request) -> web.Response:
        refusal = READ_ONLY if actions is None else forbidden(request)
        if refusal is not None or actions is None:
            return _said([refusal or READ_ONLY], status=403)
        asked = await _asked(request)
        author = Author(who=_text(asked, "who"), why=_text(asked, "why"))
        try:
            match request.match_info["action"]:
                case "repair":
                    return _said(await actions.repair(_subject(asked), author))
                case "declare":
                    return _said(await actions.declare(_subject(asked), _excuse(asked), author))
                case "withdraw":
                    return _said(await actions.withdraw(_text(asked, "rule"), author))
                case _:
                    return _said(await actions.recheck(_subject(asked), author))
        except ParallaxError as error:
            return _said([f"{error.what} ({error.where})", error.remedy], status=_status(error))

    app.router.add_post("/actions/{action:recheck|repair|declare|withdraw}", take)


def _said(lines: Sequence[str], *, status: int = 200) -> web.Response:
    return web.json_response({"said": list(lines)}, status=status)


def _status(error: ParallaxError) -> int:
    return next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)


async def _asked(request: web.Request) -> Mapping[str, Any]:
    body = await request.content.read(_MOST_BYTES)
    try:
        asked = json.loads(body)
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise _wrong("the body is no JSON object")
    return asked


def _subject(asked: Mapping[str, Any]) -> Subject:
    group = _text(asked, "group", optional=True)
    if group:
        return Subject(group=group)
    return Subject(namespace=_text(asked, "collection"), document=_text(asked, "document"))


def _excuse(asked: Mapping[str, Any]) -> Excuse:
    effect = _text(asked, "effect", optional=True) or Effect.IGNORE
    if effect not in set(Effect):
        raise _wrong(f"`effect` is none of {', '.join(Effect)}")
    try:
        expires = date.fromisoformat(_text(asked, "expires"))
    except ValueError:
        raise _wrong("`expires` is no day, as in 2027-01-31") from None
    return Excuse(
        effect=Effect(effect),
        collection=_text(asked, "of"),
        path=_text(asked, "path", optional=True),
        kinds=_names(asked, "kinds"),
        changes=_names(asked, "changes"),
        tolerance=_tolerance(asked, Effect(effect)),
        owner=_text(asked, "owner"),
        expires=expires,
    )


def _names(asked: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(_text(asked, key, optional=True).replace(",", " ").split())


def _tolerance(asked: Mapping[str, Any], effect: Effect) -> Tolerance:
    found = Tolerance(absolute=_bound(asked, "absolute"), relative=_bound(asked, "relative"))
    if (found != EXACT) != (effect is Effect.TOLERANCE):
        raise _wrong("`absolute` or `relative` belongs to the effect `tolerance`, and it to them")
    return found


def _bound(asked: Mapping[str, Any], key: str) -> float:
    """Return a bound of a tolerance, 0 where none is given."""
    try:
        bound = float(_text(asked, key, optional=True) or 0)
    except ValueError:
        bound = -1.0
    if not (isfinite(bound) and bound >= 0):
        raise _wrong(f"`{key}` is no number of at least 0")
    return bound


def _text(asked: Mapping[str, Any], key: str, *, optional: bool = False) -> str:
    value = asked.get(key, "")
    if not isinstance(value, str) or len(value) > MOST_CHARACTERS:
        raise _wrong(f"`{key}` is no text of at most {MOST_CHARACTERS} characters")
    if not value.strip() and not optional:
        raise _wrong(f"`{key}` is missing")
    return value.strip()


def _wrong(what: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=json.dumps({"said": [what]}), content_type="application/json")
