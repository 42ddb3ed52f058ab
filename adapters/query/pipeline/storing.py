"""From the documents of `$merge` and `$out` to stages.

Source: MongoDB manual, "$merge (aggregation)", "$out (aggregation)"; the codes were observed on a server 6.0.
"""

from collections.abc import Mapping
from typing import Any, Final

from adapters.query.expression import (
    Scope,
    Variable,
    check_variable_of_let,
    field_path,
    parse_expression,
)
from adapters.query.failures import CommandFailure
from adapters.query.pipeline.tree import Merge, Out, WhenMatched, WhenNotMatched

INTERNAL: Final = frozenset({"admin", "config", "local"})
TYPE_MISMATCH: Final = 14
UNKNOWN_FIELD: Final = 40415
NEW: Final = "new"
ARGUMENTS: Final = frozenset({"into", "let", "on", "whenMatched", "whenNotMatched"})
IMPOSSIBLE: Final = frozenset(
    (matched, not_matched)
    for matched in (WhenMatched.FAIL, WhenMatched.KEEP)
    for not_matched in (WhenNotMatched.DISCARD, WhenNotMatched.FAIL)
)


def parse_merge(value: Any, scope: Scope) -> Merge:
    if isinstance(value, str):
        value = {"into": value}
    if not isinstance(value, Mapping):
        raise CommandFailure(TYPE_MISMATCH, "$merge requires a string or object argument")
    _check_merge(value)
    database, collection = _into(value["into"])
    given = value.get("whenMatched", WhenMatched.MERGE)
    matched = WhenMatched.PIPELINE if isinstance(given, list) else WhenMatched(given)
    not_matched = WhenNotMatched(value.get("whenNotMatched", WhenNotMatched.INSERT))
    if (matched, not_matched) in IMPOSSIBLE:
        raise CommandFailure(51181, f"Combination {matched} and {not_matched} is not supported")
    if "let" in value and matched is not WhenMatched.PIPELINE:
        raise CommandFailure(51199, f"Cannot use 'let' variables with 'whenMatched: {matched}'")
    return Merge(
        database=database,
        collection=collection,
        on=_on(value.get("on", "_id")),
        matched=matched,
        not_matched=not_matched,
        pipeline=tuple(given) if isinstance(given, list) else (),
        bindings=_bindings(value.get("let") or {}, scope),
    )


def _check_merge(value: Mapping[str, Any]) -> None:
    for name in value:
        if name not in ARGUMENTS:
            raise CommandFailure(UNKNOWN_FIELD, f"BSON field '$merge.{name}' is an unknown field.")
    if "into" not in value:
        raise CommandFailure(40414, "BSON field '$merge.into' is missing but a required field")
    if not isinstance(value.get("let", {}), Mapping):
        raise CommandFailure(TYPE_MISMATCH, "BSON field '$merge.let' is the wrong type")
    matched = value.get("whenMatched", [])
    if not isinstance(matched, str | list):
        raise CommandFailure(51191, "$merge 'whenMatched' must be either a string or an array")
    if isinstance(matched, str) and matched not in set(WhenMatched) - {WhenMatched.PIPELINE}:
        raise CommandFailure(2, f"Enumeration value '{matched}' is not a valid value.")
    not_matched = value.get("whenNotMatched", WhenNotMatched.INSERT)
    if not isinstance(not_matched, str):
        raise CommandFailure(TYPE_MISMATCH, "BSON field '$merge.whenNotMatched' is the wrong type")
    if not_matched not in set(WhenNotMatched):
        raise CommandFailure(2, f"Enumeration value '{not_matched}' is not a valid value.")


def _into(into: Any) -> tuple[str | None, str]:
    if isinstance(into, str):
        if not into:
            raise CommandFailure(5786800, "$merge 'into' field cannot be an empty string")
        return None, _checked(None, into, special=31319, internal=31320)
    if not isinstance(into, Mapping):
        raise CommandFailure(51178, "$merge 'into' must be either a string or an object")
    for name, item in into.items():
        if name not in {"db", "coll"}:
            raise CommandFailure(UNKNOWN_FIELD, f"BSON field 'into.{name}' is an unknown field.")
        if not isinstance(item, str):
            raise CommandFailure(TYPE_MISMATCH, f"BSON field 'into.{name}' is the wrong type")
    if not into.get("coll"):
        raise CommandFailure(5786801, "$merge 'into' field must specify a 'coll'")
    database = into.get("db") or None
    return database, _checked(database, into["coll"], special=31319, internal=31320)


def _checked(database: str | None, collection: str, *, special: int, internal: int) -> str:
    """Return a collection that may be written to."""
    if database is not None and "." in database:
        raise CommandFailure(73, "'.' is an invalid character in the database name")
    if collection.startswith("system."):
        raise CommandFailure(special, f"Cannot write to special collection: {collection}")
    if database in INTERNAL:
        raise CommandFailure(internal, f"Cannot write to internal database: {database}")
    return collection


def _on(on: Any) -> tuple[str, ...]:
    if not isinstance(on, str | list):
        raise CommandFailure(51186, "$merge 'on' must be either a string or an array of strings")
    paths = on if isinstance(on, list) else [on]
    if not paths:
        raise CommandFailure(51187, "$merge 'on' must include at least one field")
    for path in paths:
        if not isinstance(path, str):
            raise CommandFailure(51134, "$merge 'on' array elements must be strings")
        field_path(path)
    if len(set(paths)) < len(paths):
        raise CommandFailure(31465, "Found a duplicate field")
    return tuple(sorted(paths))


def _bindings(let: Mapping[str, Any], scope: Scope) -> tuple[tuple[str, Any], ...]:
    bindings = []
    for name, item in let.items():
        check_variable_of_let(name)
        expression = parse_expression(item, variables=scope)
        if name == NEW and expression != Variable(name="ROOT"):
            raise CommandFailure(51273, "'let' may not define the reserved 'new' variable")
        bindings.append((name, expression))
    if NEW not in let:
        bindings.append((NEW, Variable(name="ROOT")))
    return tuple(bindings)


def parse_out(value: Any) -> Out:
    if isinstance(value, str):
        return _out(None, value)
    if not isinstance(value, Mapping):
        raise CommandFailure(16990, "$out only supports a string or object argument")
    if set(value) != {"db", "coll"}:
        raise CommandFailure(16994, "An object passed to $out must have fields 'db' and 'coll'")
    for name, item in value.items():
        if not isinstance(item, str):
            raise CommandFailure(13111, f"wrong type for field ({name})")
    return _out(value["db"], value["coll"])


def _out(database: str | None, collection: str) -> Out:
    if not collection or database == "":
        raise CommandFailure(73, "Invalid $out target namespace")
    return Out(
        database=database,
        collection=_checked(database, collection, special=17385, internal=31321),
    )
