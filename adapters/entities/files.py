"""A map as a TOML file: read with the line of what is wrong, and written for people to read.

A column is a line; `[columns.name]` with keys below means the same.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from adapters.entities.checks import Key, Place
from adapters.entities.entity import EntityMap
from adapters.entities.notation import dotted, entity_from, written
from comparators.errors import SettingsError

Comments = Mapping[Key, Sequence[str]]
"""Lines that stand above a key."""

BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
HEADER: Final = re.compile(r"\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
ASSIGNMENT: Final = re.compile(
    r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*="
)
PART: Final = re.compile(r"\"([^\"]*)\"|'([^']*)'|([\w-]+)")


def read_map(path: Path) -> tuple[EntityMap, Place]:
    """Return the map of a file, and where its keys stand; SettingsError with file and line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as unreadable:
        raise SettingsError(
            f"the map cannot be read: {unreadable}",
            where=str(path),
            remedy="it must be a text file in UTF-8 that this user may read",
        ) from unreadable
    place = _place_in(path, text)
    return entity_from(_parsed(path, text), place), place


def toml_of(entity: EntityMap, comments: Comments | None = None) -> str:
    """Return the TOML of a map, with comments above the keys they are for."""
    return "\n".join(_lines(written(entity), comments or {})) + "\n"


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        line = re.search(r"at line (\d+)", str(wrong))
        raise SettingsError(
            f"the map is not TOML: {wrong}",
            where=f"{path}:{line[1]}" if line else str(path),
            remedy="correct the line; text stands in quotes, true and false do not",
        ) from wrong


def _place_in(path: Path, text: str) -> Place:
    lines = dict(_keys_of(text))

    def place(key: Key) -> str:
        for length in range(len(key), 0, -1):
            if key[:length] in lines:
                return f"{path}:{lines[key[:length]]}"
        return f"{path}: {dotted(key)}" if key else str(path)

    return place


def _keys_of(text: str) -> Iterator[tuple[Key, int]]:
    """Yield each key that begins a line, with the number of the line."""
    above: Key = ()
    counts: dict[Key, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := HEADER.match(line):
            above = _parts(header[2])
            if header[1] == "[[":
                at = counts[above] = counts.get(above, -1) + 1
                above = (*above, at)
            yield above, number
        elif assignment := ASSIGNMENT.match(line):
            yield (*above, *_parts(assignment[1])), number


def _parts(text: str) -> Key:
    return tuple(double or single or bare for double, single, bare in PART.findall(text))


def _lines(parts: Mapping[str, Any], comments: Comments) -> Iterator[str]:
    yield from _commented((), comments)
    for name in ("collection", "table", "about"):
        if name in parts:
            yield f"{name} = {_value(parts[name])}"
    yield from ("", "[id]", *_commented(("id",), comments))
    yield from (f"{name} = {_value(value)}" for name, value in parts["id"].items())
    if parts.get("columns"):
        yield from ("", "[columns]")
        yield from _column_lines(parts["columns"], ("columns",), comments)
    for table, child in parts.get("children", {}).items():
        key = ("children", table)
        yield from ("", f"[children.{_name(table)}]", *_commented(key, comments))
        yield from (
            f"{name} = {_value(value)}" for name, value in child.items() if name != "columns"
        )
        yield from ("", f"[children.{_name(table)}.columns]")
        yield from _column_lines(child["columns"], (*key, "columns"), comments)
    for at, index in enumerate(parts.get("indexes", ())):
        yield from ("", "[[indexes]]", *_commented(("indexes", at), comments))
        yield from (f"{name} = {_value(value)}" for name, value in index.items())
    for name, search in parts.get("search", {}).items():
        yield from ("", f"[search.{_name(name)}]", *_commented(("search", name), comments))
        yield from (f"{option} = {_value(value)}" for option, value in search.items())


def _column_lines(columns: Mapping[str, Any], above: Key, comments: Comments) -> Iterator[str]:
    width = max(len(_name(name)) for name in columns) if columns else 0
    for name, column in columns.items():
        yield from _commented((*above, name), comments)
        yield f"{_name(name):{width}} = {_value(column)}"


def _commented(key: Key, comments: Comments) -> Iterator[str]:
    yield from (f"# {line}" for line in comments.get(key, ()))


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        fields = ", ".join(f"{_name(name)} = {_value(item)}" for name, item in value.items())
        return f"{{ {fields} }}" if fields else "{}"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, str):
        # JSON's escapes are TOML's; only DEL is bare in JSON.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)


def _name(name: str) -> str:
    return name if BARE.fullmatch(name) else _value(name)
