"""The options of commands: what the gateway heeds, what cannot change an answer, and what it refuses."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.evaluate.numbers import coerced
from adapters.query.command_fields import STATEMENT, check_fields
from adapters.query.failures import CommandFailure
from adapters.query.unsupported import unknowable, unsupported

INVALID_LENGTH: Final = 16
MISSING_FIELD: Final = 40414
DEMANDED: Final[Mapping[str, str]] = {"update": "u", "delete": "limit"}
"""What a statement must have beside its filter."""

WITHOUT_EFFECT: Final = frozenset(
    {
        "allowDiskUse",
        "allowPartialResults",
        "apiDeprecationErrors",
        "apiStrict",
        "apiVersion",
        "batchSize",
        "bypassDocumentValidation",
        "comment",
        "cursor",
        "maxTimeMS",
        "noCursorTimeout",
        "oplogReplay",
        "readConcern",
        "singleBatch",
        "writeConcern",
    }
)
"""They change how, when or in which portions an answer comes, not what it is."""

HEEDED: Final[Mapping[str, frozenset[str]]] = {
    "find": frozenset(
        {"filter", "projection", "sort", "skip", "limit", "collation", "hint", "let", "max", "min"}
    ),
    "count": frozenset({"query", "skip", "limit", "collation", "hint", "fields"}),
    "distinct": frozenset({"key", "query", "collation"}),
    "aggregate": frozenset({"pipeline", "collation", "hint", "let"}),
    "insert": frozenset({"documents", "ordered"}),
    "update": frozenset({"updates", "ordered", "let"}),
    "update statement": frozenset(
        {"q", "u", "c", "upsert", "multi", "arrayFilters", "collation", "hint"}
    ),
    "delete": frozenset({"deletes", "ordered", "let"}),
    "delete statement": frozenset({"q", "limit", "collation", "hint"}),
    "findAndModify": frozenset(
        {
            "query",
            "sort",
            "remove",
            "update",
            "new",
            "fields",
            "upsert",
            "arrayFilters",
            "collation",
            "hint",
            "let",
        }
    ),
    "createIndexes": frozenset({"indexes", "commitQuorum", "ignoreUnknownIndexOptions"}),
    "dropIndexes": frozenset({"index"}),
    "create": frozenset(
        {
            "autoIndexId",
            "changeStreamPreAndPostImages",
            "collation",
            "flags",
            "idIndex",
            "recordPreImages",
            "validationAction",
            "validationLevel",
            "validator",
        }
    ),
    "collMod": frozenset(
        {
            "changeStreamPreAndPostImages",
            "index",
            "recordPreImages",
            "validationAction",
            "validationLevel",
            "validator",
        }
    ),
    "renameCollection": frozenset({"dropTarget", "to"}),
    "drop": frozenset(),
    "dropDatabase": frozenset(),
    "listIndexes": frozenset(),
    "listCollections": frozenset({"filter", "nameOnly", "authorizedCollections"}),
}


def batch(arguments: Mapping[str, Any], command: str, name: str) -> Sequence[Any]:
    """Return the documents or statements of a write; CommandFailure where there are none."""
    given = arguments.get(name)
    if given is None:
        raise CommandFailure(MISSING_FIELD, f"BSON field '{command}.{name}' is missing")
    if not given:
        raise CommandFailure(
            INVALID_LENGTH,
            "Write batch sizes must be between 1 and 100000",
            code_name="InvalidLength",
        )
    return list(given)


def statements(arguments: Mapping[str, Any], command: str, name: str) -> Sequence[Any]:
    """Return the statements of a write; CommandFailure where one lacks what it must have.

    MongoDB reads all of them before it runs the first; the codes were observed on a server 6.0.
    """
    given = batch(arguments, command, name)
    for statement in given:
        place = f"{command}.{name}"
        check_fields(f"{command} statement", statement)
        if statement.get("q") is None:
            raise CommandFailure(MISSING_FIELD, f"BSON field '{place}.q' is missing")
        if DEMANDED[command] not in statement:
            raise CommandFailure(
                MISSING_FIELD, f"BSON field '{place}.{DEMANDED[command]}' is missing"
            )
    return given


def check(command: str, arguments: Mapping[str, Any]) -> None:
    """Raise UnsupportedError for an option that may change the answer and is not heeded.

    CommandFailure for one that MongoDB does not know, and for a value that it may not have.
    """
    if not command.endswith(STATEMENT):
        # The fields of statements were looked at before the first of them ran.
        check_fields(command, arguments)
    heeded = HEEDED[command]
    for name, value in arguments.items():
        if name in heeded or name in WITHOUT_EFFECT or name.startswith("$"):
            continue
        # An option that is switched off asks for nothing.
        if value is None or value is False or value in ({}, []):
            continue
        if name == "explain":
            raise unknowable("option explain", where=command)
        raise unsupported(f"option {name}", where=command)


def whole(arguments: Mapping[str, Any], name: str) -> int:
    """Return a count such as `limit` or `skip` that was checked, 0 when it is not given."""
    return coerced(arguments.get(name) or 0)
