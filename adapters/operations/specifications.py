"""What MongoDB refuses of the specification of an index.

Source: MongoDB manual, "createIndexes", "Partial Indexes", "TTL Indexes"; the codes were observed on a server 6.0.
"""

from collections.abc import Mapping
from typing import Any, Final

from bson.decimal128 import Decimal128

from adapters.query.failures import CommandFailure
from adapters.query.filter import (
    And,
    Comparison,
    Exists,
    ExpressionHolds,
    Filter,
    In,
    Or,
    TypeIs,
    parse_filter,
)
from adapters.query.types import is_number

TYPE_MISMATCH: Final = 14
CANNOT_CREATE: Final = 67
UNKNOWN_OPTION: Final = 197
HASHED_UNIQUE: Final = 16764
FEATURE_NOT_ALLOWED: Final = 224
LONGEST_TTL_S: Final = 2**31 - 1

KINDS: Final = frozenset({"2d", "2dsphere", "hashed", "text"})
OPTIONS: Final = frozenset(
    "2dsphereIndexVersion _id background bits coarsestIndexedLevel collation "
    "default_language dropDups expireAfterSeconds finestIndexedLevel hidden key language_override max min "
    "name ns originalSpec partialFilterExpression prepareUnique sparse storageEngine textIndexVersion "
    "unique v weights wildcardProjection".split()
)
KEPT: Final = (
    "key",
    "name",
    "background",
    "unique",
    "hidden",
    "partialFilterExpression",
    "sparse",
    "expireAfterSeconds",
    "storageEngine",
    "collation",
)
"""What a specification holds, in the order in which MongoDB lists it, whatever order it was given in."""
OF_ID_INDEX: Final = frozenset({"collation", "key", "name", "ns", "v"})
FLAG: Final = (bool, int, float, Decimal128)
TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "background": FLAG,
    "default_language": (str,),
    "hidden": (bool,),
    "language_override": (str,),
    "originalSpec": (dict,),
    "sparse": FLAG,
    "unique": FLAG,
    "weights": (dict, str),
}
WILDCARD: Final = "$**"


def check_specification(given: Mapping[str, Any], *, any_option: bool) -> None:
    """Raise CommandFailure for an index that MongoDB would not make.

    `any_option` says that options nobody knows are let pass (`ignoreUnknownIndexOptions`).
    """
    allowed = OF_ID_INDEX if given["key"] == {"_id": 1} else OPTIONS
    for name, value in given.items():
        if not isinstance(value, TYPES.get(name, object)):
            raise CommandFailure(TYPE_MISMATCH, f"The field '{name}' is of the wrong type")
        if name not in allowed and not any_option:
            raise CommandFailure(
                UNKNOWN_OPTION,
                f"The field '{name}' is not valid for an index specification",
                code_name="InvalidIndexSpecificationOption",
            )
    if not given["name"]:
        raise _refused("index names cannot be empty")
    for path, kind in given["key"].items():
        _check_key(path, kind)
        if path.endswith(WILDCARD) and given.get("unique"):
            raise _refused("wildcard indexes cannot be unique")
    if given.get("unique") and "hashed" in given["key"].values():
        raise CommandFailure(HASHED_UNIQUE, "hashed indexes cannot be unique")
    if "expireAfterSeconds" in given:
        _check_expiry(given["expireAfterSeconds"], given["key"])
    if "partialFilterExpression" in given:
        partial = given["partialFilterExpression"]
        if not isinstance(partial, Mapping):
            raise CommandFailure(TYPE_MISMATCH, "'partialFilterExpression' must be an object")
        if given.get("sparse"):
            raise _refused("cannot mix 'partialFilterExpression' and 'sparse'")
        _check_partial(parse_filter(partial))


def _check_key(path: str, kind: Any) -> None:
    if isinstance(kind, str):
        if kind not in KINDS:
            raise _refused(f"Unknown index plugin '{kind}'")
    elif not is_number(kind) or not abs(float(str(kind))) > 0:
        raise _refused("only numbers > 0, numbers < 0, and strings are allowed")
    elif path.endswith(WILDCARD) and float(str(kind)) < 0:
        raise _refused("wildcard indexes do not support descending keys")
    parts = path.removesuffix(f".{WILDCARD}").split(".")
    if path != WILDCARD and not all(map(_is_field, parts)):
        raise _refused("index keys cannot contain an empty or a $-prefixed field")


def _is_field(name: str) -> bool:
    return bool(name) and (not name.startswith("$") or name in {"$db", "$id", "$ref"})


def _check_expiry(seconds: Any, key: Mapping[str, Any]) -> None:
    if not is_number(seconds):
        raise _refused("TTL index 'expireAfterSeconds' option must be numeric")
    after_s = float(str(seconds))
    if after_s < 0 or after_s > LONGEST_TTL_S:
        raise _refused("TTL index 'expireAfterSeconds' option must be within an acceptable range")
    if len(key) > 1:
        raise _refused("TTL indexes are single-field indexes")


def _check_partial(tree: Filter) -> None:
    match tree:
        case And(children=children) | Or(children=children):
            for child in children:
                _check_partial(child)
        case In() | Comparison() | Exists() | TypeIs():
            return
        case ExpressionHolds():
            raise CommandFailure(
                FEATURE_NOT_ALLOWED,
                "$expr is not supported in a partial index",
                code_name="QueryFeatureNotAllowed",
            )
        case _:
            raise _refused("unsupported expression in partial index")


def _refused(reason: str) -> CommandFailure:
    return CommandFailure(CANNOT_CREATE, reason, code_name="CannotCreateIndex")
