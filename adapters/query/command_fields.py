"""Which fields a command may have, and of which type: what MongoDB looks at before anything else.

Source: the `.idl` files in the server's source as of 6.0; the codes and what null means were observed on it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bson.decimal128 import Decimal128

from adapters.query.failures import CommandFailure
from adapters.query.filter.numbers import INT64_MAX, INT64_MIN, truncated
from adapters.query.types import is_document, is_number, type_name

BAD_VALUE: Final = 2
FAILED_TO_PARSE: Final = 9
TYPE_MISMATCH: Final = 14
INVALID: Final = 10065
UNKNOWN: Final = 40415
MISSING_FIELD: Final = 40414
NEGATIVE: Final = 51024

Check = Callable[[str, Any], None]
"""Looks at the value of a field, of which it is told the name; CommandFailure where it may not be that."""


def check_fields(command: str, given: Mapping[str, Any]) -> None:
    """Look at the fields in their order; CommandFailure for the first that may not be there.

    Fields with a dollar are of the protocol. Of a command that is not in the table nothing is known.
    """
    fields = FIELDS.get(command)
    if fields is None:
        return
    generic = frozenset() if command.endswith(STATEMENT) else GENERIC
    for name, value in given.items():
        check = fields.get(name)
        if check is not None:
            check(f"{command}.{name}", value)
        elif name not in generic and not name.startswith("$"):
            raise CommandFailure(UNKNOWN, f"BSON field '{command}.{name}' is an unknown field.")


def is_on(value: Any) -> bool:
    """Return whether a switch is on: true, or a number other than zero."""
    if isinstance(value, Decimal128):
        return bool(value.to_decimal())
    return bool(value)


def is_single(limit: Any) -> bool:
    """Return whether the `limit` of a delete statement is one document; any but a number is none."""
    return is_number(limit) and is_on(limit)


def _wrong(name: str, value: Any, wanted: str) -> CommandFailure:
    found = type_name(value)
    return CommandFailure(
        TYPE_MISMATCH, f"BSON field '{name}' is the wrong type '{found}', expected type '{wanted}'"
    )


def _object(name: str, value: Any) -> None:
    if not is_document(value):
        raise _wrong(name, value, "object")


def _true_or_false(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise _wrong(name, value, "bool")


def _switch(name: str, value: Any) -> None:
    if value is not None and not isinstance(value, bool) and not is_number(value):
        raise _wrong(name, value, "bool")


def _string(name: str, value: Any) -> None:
    if value is None:
        raise CommandFailure(MISSING_FIELD, f"BSON field '{name}' is missing")
    if not isinstance(value, str):
        raise _wrong(name, value, "string")


def _documents(name: str, value: Any) -> None:
    if not isinstance(value, list):
        raise _wrong(name, value, "array")
    for position, each in enumerate(value):
        if not is_document(each):
            raise _wrong(f"{name}.{position}", each, "object")


def _array_filters(name: str, value: Any) -> None:
    if value is None:
        raise CommandFailure(INVALID, f"invalid parameter: expected an object ({name})")
    _documents(name, value)


def _hint(name: str, value: Any) -> None:
    if not isinstance(value, str) and not is_document(value):
        raise CommandFailure(FAILED_TO_PARSE, f"{name} must be a string or an object")


def _change(name: str, value: Any) -> None:
    if isinstance(value, list):
        _documents(name, value)
    elif not is_document(value):
        raise CommandFailure(
            FAILED_TO_PARSE, "Update argument must be either an object or an array"
        )


def _natural(name: str, value: Any) -> None:
    if value is None:
        return
    if not is_number(value):
        raise _wrong(name, value, "long")
    exact = value.to_decimal() if isinstance(value, Decimal128) else value
    if exact < 0 and truncated(exact) != 0:
        raise CommandFailure(NEGATIVE, f"BSON field '{name}' value must be >= 0, actual value")


def _limit_of_count(name: str, value: Any) -> None:
    if not is_number(value):
        raise CommandFailure(BAD_VALUE, f"{name} value is not a number")
    exact = value.to_decimal() if isinstance(value, Decimal128) else value
    whole = truncated(value)
    if whole is None or whole != exact or not INT64_MIN < whole <= INT64_MAX:
        raise CommandFailure(FAILED_TO_PARSE, f"{name} cannot be represented as a 64-bit integer")


def _limit_of_delete(name: str, value: Any) -> None:
    if not is_number(value):
        return
    exact = value.to_decimal() if isinstance(value, Decimal128) else value
    if exact not in (0, 1):
        raise CommandFailure(FAILED_TO_PARSE, f"The {name} field in delete objects must be 0 or 1")


def anything(_name: str, _value: Any) -> None:
    """Pass whatever is in a field that is looked at elsewhere, or that servers have among themselves."""


def _or_null(check: Check) -> Check:
    def checked(name: str, value: Any) -> None:
        if value is not None:
            check(name, value)

    return checked


def _of_kind(check: Check, names: str) -> dict[str, Check]:
    return dict.fromkeys(names.split(), check)


STATEMENT: Final = " statement"
GENERIC: Final = frozenset(
    "apiDeprecationErrors apiStrict apiVersion autocommit comment lsid maxTimeMS maxTimeMSOpOnly "
    "readConcern startTransaction stmtId stmtIds txnNumber writeConcern".split()
)
"""Fields that any command may have."""

FIELDS: Final[Mapping[str, Mapping[str, Check]]] = {
    "find": {
        **_of_kind(_object, "filter projection sort min max collation"),
        **_of_kind(_or_null(_object), "let"),
        **_of_kind(_natural, "skip limit batchSize ntoreturn"),
        **_of_kind(
            _true_or_false,
            "singleBatch allowDiskUse returnKey showRecordId tailable oplogReplay noCursorTimeout "
            "awaitData allowPartialResults readOnce",
        ),
        "hint": _hint,
        **_of_kind(anything, "options term resumeAfter requestResumeToken runtimeConstants"),
    },
    "count": {
        **_of_kind(_or_null(_object), "query collation"),
        "skip": _natural,
        "limit": _limit_of_count,
        "hint": _hint,
        **_of_kind(anything, "fields queryOptions"),
    },
    "distinct": {
        "key": _string,
        **_of_kind(_or_null(_object), "query collation"),
        **_of_kind(anything, "queryOptions"),
    },
    "aggregate": {
        "pipeline": _documents,
        "cursor": _object,
        **_of_kind(_or_null(_object), "collation let"),
        **_of_kind(_true_or_false, "allowDiskUse explain"),
        "bypassDocumentValidation": _switch,
        "hint": _hint,
        **_of_kind(
            anything,
            "fromMongos needsMerge exchange runtimeConstants isMapReduceCommand "
            "collectionUUID passthroughToShard encryptionInformation requestReshardingResumeToken",
        ),
    },
    "insert": {
        **_of_kind(_or_null(_true_or_false), "ordered"),
        "bypassDocumentValidation": _switch,
        **_of_kind(anything, "documents collectionUUID encryptionInformation"),
    },
    "update": {
        **_of_kind(_or_null(_true_or_false), "ordered"),
        **_of_kind(_or_null(_object), "let"),
        "bypassDocumentValidation": _switch,
        **_of_kind(
            anything,
            "updates runtimeConstants legacyRuntimeConstants collectionUUID encryptionInformation",
        ),
    },
    "delete": {
        **_of_kind(_or_null(_true_or_false), "ordered"),
        **_of_kind(_or_null(_object), "let"),
        "bypassDocumentValidation": _switch,
        **_of_kind(
            anything,
            "deletes runtimeConstants legacyRuntimeConstants collectionUUID encryptionInformation",
        ),
    },
    "findAndModify": {
        **_of_kind(_or_null(_object), "query fields sort collation let"),
        **_of_kind(_switch, "remove upsert new bypassDocumentValidation"),
        "update": _change,
        "arrayFilters": _array_filters,
        "hint": _hint,
        **_of_kind(anything, "runtimeConstants legacyRuntimeConstants encryptionInformation"),
    },
    "update" + STATEMENT: {
        **_of_kind(_or_null(_object), "q c collation"),
        **_of_kind(_or_null(_true_or_false), "multi upsert"),
        "u": _change,
        "upsertSupplied": _true_or_false,
        "arrayFilters": _array_filters,
        "hint": _hint,
    },
    "delete" + STATEMENT: {
        **_of_kind(_or_null(_object), "q collation"),
        "limit": _limit_of_delete,
        "hint": _hint,
    },
}
