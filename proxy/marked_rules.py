"""Which rules of a file were declared on the page, and which were withdrawn there: comments in the file say so.

A rule that was withdrawn stays in the file as comments, so that who reads it, or its history, finds what it said.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

_AT: Final = "%Y-%m-%d %H:%M:%S"
_MOMENT: Final = r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC"
_TEXT: Final = r'("(?:[^"\\]|\\.)*")'
_DECLARED: Final = re.compile(rf"# Declared by {_TEXT} at {_MOMENT}\.")
_WITHDRAWN: Final = re.compile(rf"# Rule {_TEXT} withdrawn by {_TEXT} at {_MOMENT}: {_TEXT}")
_TABLE: Final = re.compile(r"\s*\[\[")
_NOTHING: Final = re.compile(r"\s*(#.*)?")
NOBODY: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A rule that was declared on the page; its table goes from one line up to before another."""

    name: str
    collection: str
    by: str
    first: int
    end: int


def declared_mark(*, who: str, at: datetime) -> str:
    """Return the comment above a rule that somebody declares."""
    return f"# Declared by {quoted(who)} at {at:{_AT}} UTC."


def declared_in(text: str) -> Mapping[str, Marked]:
    """Return the rules that were declared on the page and are still there, by name."""
    # By this character alone: TOML knows no other, and a text may hold those that `splitlines` knows.
    lines = text.split("\n")
    found = {}
    for number, line in enumerate(lines):
        mark = _DECLARED.fullmatch(line.rstrip())
        if mark is None or not _TABLE.match("".join(lines[number + 1 : number + 2])):
            continue
        marked = _marked(lines, number + 1, f"{_read(mark[1])}, {mark[2]} UTC")
        if marked is not None:
            found[marked.name] = marked
    return found


def declared_by(text: str) -> Mapping[str, str]:
    """Return who declared which rule that is still there, and when, by its name."""
    return {name: marked.by for name, marked in declared_in(text).items()}


def withdrawn_in(text: str) -> Mapping[str, str]:
    """Return who withdrew which rule, and when, by its name."""
    marks = (_WITHDRAWN.fullmatch(line.rstrip()) for line in text.split("\n"))
    return {
        _read(mark[1]): f"{_read(mark[2])}, {mark[3]} UTC" for mark in marks if mark is not None
    }


def without(text: str, marked: Marked, *, who: str, why: str, at: datetime) -> str:
    """Return the text in which a rule is but comments, under one that says who withdrew it and why."""
    lines = text.split("\n")
    mark = (
        f"# Rule {quoted(marked.name)} withdrawn by {quoted(who)} at {at:{_AT}} UTC: {quoted(why)}"
    )
    gone = [f"# {line}".rstrip() for line in lines[marked.first : marked.end]]
    return "\n".join([*lines[: marked.first], mark, *gone, *lines[marked.end :]])


def quoted(text: str) -> str:
    """Return a text as TOML and JSON both write it, in one line."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _marked(lines: Sequence[str], first: int, by: str) -> Marked | None:
    """Return the rule whose table opens at a line; None where it is no longer written as a page writes it."""
    beyond = range(first + 1, len(lines))
    end = next((n for n in beyond if _opens_another(lines[n])), len(lines))
    while _NOTHING.fullmatch(lines[end - 1]):
        end -= 1
    try:
        [rule] = tomllib.loads("\n".join(lines[first:end]))["rule"]
        name, collection = rule["name"], rule["collection"]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError):
        return None
    return Marked(name=str(name), collection=str(collection), by=by, first=first, end=end)


def _opens_another(line: str) -> bool:
    return bool(_TABLE.match(line) or _DECLARED.match(line) or _WITHDRAWN.match(line))


def _read(text: str) -> str:
    """Return what is quoted; as it stands where somebody has changed it so that it is no text."""
    try:
        read: str = json.loads(text)
    except ValueError:
        return text
    return read
