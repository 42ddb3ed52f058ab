"""Operations from a file: one JSON object a line, values as MongoDB's Extended JSON.

A line is a command (`{"find": "orders", "filter": …}`), one to be run before (`{"setup": …}`), a transaction
(`{"transaction": [command, …]}`), or what `parallax capture export --with-values` wrote. `$db` may name a database.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bson.errors import BSONError
from bson.json_util import JSONOptions, loads

from comparators.canonical import CODEC
from comparators.errors import SettingsError
from proxy.jobs.bench.operations import Gathering, Operations, Unit, objection_to, stripped

_JSON: Final = JSONOptions(
    document_class=CODEC.document_class, datetime_conversion=CODEC.datetime_conversion
)
UNNAMED: Final = "app"
"""The database of commands that name none."""


def read_operations(file: Path) -> Operations:
    """Return the operations of a file; SettingsError for a line that holds none."""
    gathering = Gathering()
    for number, line in enumerate(_lines(file), 1):
        if not line.strip():
            continue
        where = f"{file}:{number}"
        try:
            found = loads(line, json_options=_JSON)
        except (ValueError, TypeError, BSONError) as error:
            raise _wrong("a line that is no Extended JSON", where) from error
        if not isinstance(found, Mapping) or not found:
            raise _wrong("a line that is no JSON object", where)
        _take(gathering, found, where)
    return gathering.operations(f"the file {file.name}")


def _take(gathering: Gathering, found: Mapping[str, Any], where: str) -> None:
    match found:
        case {"setup": Mapping() as command}:
            gathering.setup.append(stripped(_on_database(command)))
        case {"transaction": [*commands]}:
            _take_transaction(gathering, commands, where)
        case {"request": Mapping() as command}:
            gathering.take(_on_database(command))
        case {"undecodable": True}:
            gathering.left_out["a message that could not be decoded"] += 1
        case _:
            gathering.take(_on_database(found))


def _take_transaction(gathering: Gathering, commands: list[Any], where: str) -> None:
    placed = [_on_database(each) for each in commands if isinstance(each, Mapping) and each]
    objection = next((found for each in placed if (found := objection_to(each))), None)
    if len(placed) != len(commands) or not placed or objection is not None:
        raise _wrong(f"a transaction that cannot be driven ({objection or 'no commands'})", where)
    gathering.units.append(
        Unit(
            commands=tuple(stripped(each, in_transaction=True) for each in placed),
            in_transaction=True,
        )
    )


def _on_database(command: Mapping[str, Any]) -> dict[str, Any]:
    return {**command, "$db": command.get("$db", UNNAMED)}


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            "the file of operations cannot be read",
            where=str(file),
            remedy="name a file with one JSON object a line, in UTF-8",
        ) from error


def _wrong(what: str, where: str) -> SettingsError:
    return SettingsError(
        what, where=where, remedy="write a command a line, as docs/bench.md tells under `--file`"
    )
