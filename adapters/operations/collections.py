"""Collections: made with options, changed, renamed.

Source: MongoDB manual, "create", "collMod", "renameCollection"; which error belongs to which mistake was observed on a
server 6.0.
"""

from collections.abc import Mapping
from typing import Any, Final

from bson.decimal128 import Decimal128

from adapters.operations import options
from adapters.operations.catalog import Collection
from adapters.operations.collating import collation_of_collection
from adapters.operations.indexes import ID_INDEX, Index, index_of
from adapters.operations.namespaces import check_namespace
from adapters.operations.session import Session
from adapters.operations.special import special_option
from adapters.operations.specifications import KEPT, LONGEST_TTL_S
from adapters.operations.validation import check_validator, check_words
from adapters.query.failures import CommandFailure
from adapters.query.types import is_number
from adapters.query.unsupported import unsupported
from comparators.outcome import Done, Outcome

BAD_VALUE: Final = 2
TYPE_MISMATCH: Final = 14
ILLEGAL_OPERATION: Final = 20
NAMESPACE_NOT_FOUND: Final = 26
INDEX_NOT_FOUND: Final = 27
NAMESPACE_EXISTS: Final = 48
INVALID_OPTIONS: Final = 72
INVALID_NAMESPACE: Final = 73
UNKNOWN_FIELD: Final = 40415
MISSING_FIELD: Final = 40414
DONE: Final = Outcome(result=Done(), duration_s=0.0)
REMEMBERED: Final = (
    "recordPreImages",
    "changeStreamPreAndPostImages",
    "validator",
    "validationLevel",
    "validationAction",
    "collation",
)
"""The options of a collection that are kept, in the order in which MongoDB lists them."""
OF_INDEX: Final = frozenset(
    {"expireAfterSeconds", "hidden", "keyPattern", "name", "prepareUnique", "unique"}
)
FLAG: Final = (bool, int, float, Decimal128)


async def create(session: Session) -> Outcome:
    """Make a collection."""
    operation = session.operation
    special = special_option(operation.arguments)
    if special is None:
        options.check("create", operation.arguments)
    check_words(operation.arguments)
    if session.exists:
        raise CommandFailure(NAMESPACE_EXISTS, "Collection already exists")
    check_validator(operation.arguments.get("validator") or {})
    collation = collation_of_collection(operation.arguments.get("collation"))
    kept = _remembered({}, {**operation.arguments, "collation": collation})
    if special is not None:
        kept[special] = True
    if not await session.create(kept):
        raise CommandFailure(NAMESPACE_EXISTS, "Collection already exists")
    return DONE


async def change(session: Session) -> Outcome:
    """Change the validator of a collection, its other options, or one of its indexes."""
    operation = session.operation
    arguments = operation.arguments
    options.check("collMod", arguments)
    check_words(arguments)
    if not operation.collection:
        raise CommandFailure(INVALID_NAMESPACE, "Invalid namespace specified")
    known = session.catalog.collection(operation.database, operation.collection)
    if known is None:
        raise CommandFailure(NAMESPACE_NOT_FOUND, "ns does not exist")
    check_validator(arguments.get("validator") or {})
    changed = _remembered(known.options, arguments)
    if any(arguments.get(name) is not None for name in REMEMBERED[2:]):
        changed = {"validationLevel": "strict", "validationAction": "error", **changed}
        changed = {name: changed[name] for name in REMEMBERED if name in changed}
    given = arguments.get("index")
    index = None if given is None else changed_index(known, given)
    await session.change_options(changed)
    if index is not None:
        await session.change_index(index)
    return DONE


def _remembered(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options to keep: those given take the place of those before."""
    images = given.get("changeStreamPreAndPostImages")
    if images is not None and not isinstance(images, Mapping):
        raise CommandFailure(TYPE_MISMATCH, "'changeStreamPreAndPostImages' is of the wrong type")
    named = {name: given[name] for name in REMEMBERED if given.get(name) is not None}
    together = {**before, **named}
    if not together.get("validator", True):
        del together["validator"]
    if not together.get("changeStreamPreAndPostImages", {}).get("enabled", False):
        together.pop("changeStreamPreAndPostImages", None)
    if not together.get("recordPreImages", True):
        del together["recordPreImages"]
    return {name: together[name] for name in REMEMBERED if name in together}


def changed_index(collection: Collection[Any], given: Any) -> Index | None:
    """Return an index with another expiry, hidden or shown; None where nothing changes."""
    index = _named_index(collection, given)
    wanted = {name: given[name] for name in OF_INDEX if given.get(name) is not None}
    if not {"expireAfterSeconds", "hidden", "prepareUnique", "unique"} & wanted.keys():
        raise CommandFailure(INVALID_OPTIONS, "no expireAfterSeconds or hidden field")
    for name in ("prepareUnique", "unique"):
        if wanted.get(name):
            raise unsupported(f"option index.{name}", where="collMod")
    if index is None:
        code = BAD_VALUE if "hidden" in wanted else INVALID_OPTIONS
        raise CommandFailure(code, "the _id index cannot be changed")
    specification = dict(index.specification)
    if "expireAfterSeconds" in wanted:
        specification["expireAfterSeconds"] = _expiry(index, wanted["expireAfterSeconds"])
    if "hidden" in wanted:
        specification["hidden"] = True
        if not wanted["hidden"]:
            del specification["hidden"]
    ordered = [name for name in ("v", *KEPT) if name in specification]
    rest = [name for name in specification if name not in ordered]
    return index_of({name: specification[name] for name in (*ordered, *rest)})


def _named_index(collection: Collection[Any], given: Any) -> Index | None:
    """Return the index that is meant, None for that of `_id`."""
    if not isinstance(given, Mapping):
        raise CommandFailure(TYPE_MISMATCH, "'index' is of the wrong type")
    types: Mapping[str, Any] = {"name": str, "keyPattern": dict, "hidden": FLAG}
    for name, value in given.items():
        if name not in OF_INDEX:
            raise CommandFailure(UNKNOWN_FIELD, f"'index.{name}' is an unknown field")
        if not isinstance(value, types.get(name, object)):
            raise CommandFailure(TYPE_MISMATCH, f"'index.{name}' is of the wrong type")
    if ("name" in given) == ("keyPattern" in given):
        raise CommandFailure(INVALID_OPTIONS, "Must specify either index name or key pattern.")
    if given.get("name") == ID_INDEX or given.get("keyPattern") == {"_id": 1}:
        return None
    for index in collection.indexes:
        same_key = list(index.key_pattern.items()) == list(given.get("keyPattern", {}).items())
        if index.name == given.get("name") or same_key:
            return index
    raise CommandFailure(INDEX_NOT_FOUND, "cannot find index")


def _expiry(index: Index, seconds: Any) -> int:
    if not is_number(seconds):
        raise CommandFailure(TYPE_MISMATCH, "'index.expireAfterSeconds' is of the wrong type")
    after_s = float(str(seconds))
    if after_s < 0:
        raise CommandFailure(INVALID_OPTIONS, "'expireAfterSeconds' cannot be less than 0")
    if len(index.paths) > 1 or not index.plain:
        raise CommandFailure(INVALID_OPTIONS, "TTL indexes are single-field indexes")
    return int(min(after_s, LONGEST_TTL_S)) if after_s == after_s else LONGEST_TTL_S  # noqa: PLR0124


async def rename(session: Session) -> Outcome:
    """Give a collection another name, perhaps in another database; its documents keep their order."""
    operation = session.operation
    source = (operation.database, operation.collection)
    target = _target(operation.arguments)
    options.check("renameCollection", operation.arguments)
    if not all(source):
        raise CommandFailure(INVALID_NAMESPACE, "Invalid namespace specified")
    if source == target:
        raise CommandFailure(ILLEGAL_OPERATION, "Can't rename a collection to itself")
    if not session.exists:
        raise CommandFailure(NAMESPACE_NOT_FOUND, "Source collection does not exist")
    try:
        check_namespace(*target)
    except CommandFailure as refused:
        raise CommandFailure(ILLEGAL_OPERATION, refused.message) from refused
    if session.catalog.collection(*target) is not None:
        if not operation.arguments.get("dropTarget"):
            raise CommandFailure(NAMESPACE_EXISTS, "target namespace exists")
        await session.drop(*target)
    await session.move(*target)
    return DONE


def _target(arguments: Mapping[str, Any]) -> tuple[str, str]:
    if "to" not in arguments:
        raise CommandFailure(MISSING_FIELD, "'to' is missing but a required field")
    if not isinstance(arguments["to"], str):
        raise CommandFailure(TYPE_MISMATCH, "'to' is of the wrong type")
    if not isinstance(arguments.get("dropTarget", False), bool):
        raise CommandFailure(TYPE_MISMATCH, "'dropTarget' is of the wrong type")
    database, _, collection = arguments["to"].partition(".")
    if not collection or not database or {" ", "\0", "$", '"', "/", "\\"} & set(database):
        raise CommandFailure(INVALID_NAMESPACE, "Invalid target namespace")
    return database, collection
