"""Names as a SQL person would choose them: `conversationId` becomes `conversation_id`, `AclEntry` `acl_entries`."""

import itertools
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from adapters.entities.checks import SYSTEM_COLUMNS
from adapters.entities.entity import TECHNICAL_COLUMNS
from adapters.sql.names import LONGEST_NAME

WORDS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[^\W\dA-Z_]+|[A-Z]+|\d+")
LONGEST: Final = LONGEST_NAME - len("_99")
VERSION: Final = "__v"
"""Where Mongoose counts the changes of arrays."""

NAMES: Final[Mapping[str, str]] = {VERSION: "version_key", "user": "user_id"}
"""Paths whose column says more, or does not have to be quoted: `user` is a reserved word."""


def words_of(name: str) -> list[str]:
    """Return the words of a name in camelCase or snake_case, in small letters."""
    return [word.lower() for word in WORDS.findall(name)]


def snake(name: str) -> str:
    """Return a name in snake_case, a number next to what stands before it."""
    return re.sub(r"_(\d+)", r"\1", "_".join(words_of(name))) or "field"


def table_of(model: str, collection: str) -> str:
    """Return the table of a model: its words, the last one in the plural that the collection has."""
    words = words_of(model)
    prefix = "".join(words[:-1])
    if words and collection.startswith(prefix + words[-1][:1]):
        return "_".join([*words[:-1], collection.removeprefix(prefix)])
    return snake(collection)


def column_of(path: str, model: str, taken: AbstractSet[str], *, points: bool = False) -> str:
    """Return the column of a path; with a number where another has its name.

    `points` tells that it holds the primary key of another table: `author` becomes `author_id`, `createdBy` does not.
    """
    if path == "id":
        wanted = f"{snake(model)}_id"
    else:
        wanted = NAMES.get(path) or "_".join(snake(part) for part in path.split("."))
    if points and words_of(wanted)[-1] not in {"id", "by"}:
        wanted += "_id"
    wanted = wanted.encode()[:LONGEST].decode(errors="ignore")
    reserved = {*taken, *SYSTEM_COLUMNS, *TECHNICAL_COLUMNS}
    numbered = (f"{wanted}_{number}" for number in itertools.count(2))
    return wanted if wanted not in reserved else next(n for n in numbered if n not in reserved)
