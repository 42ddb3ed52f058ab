"""Collections and indexes: listed and dropped, indexes made, with the errors MongoDB gives.

Source: MongoDB manual, "drop", "createIndexes", "dropIndexes", "listIndexes", "listCollections";
which error belongs to which conflict was observed on a server 6.0.
"""

from collections.abc import Iterator, Mapping
from math import isnan
from typing import Any, Final

from bson.binary import Binary

from adapters.evaluate.match import matcher
from adapters.operations import options
from adapters.operations.building import build
from adapters.operations.catalog import Collection
from adapters.operations.collating import kept_collation
from adapters.operations.indexes import ID_INDEX, Index, index_of
from adapters.operations.session import Session
from adapters.operations.specifications import KEPT, LONGEST_TTL_S, OPTIONS, check_specification
from adapters.query.collation import parse_collation
from adapters.query.failures import CommandFailure
from adapters.query.filter import parse_filter
from comparators.canonical import encode
from comparators.collation import Collation
from comparators.operation import Operation
from comparators.outcome import Documents, Done, Outcome

FAILED_TO_PARSE: Final = 9
BAD_VALUE: Final = 2
NAMESPACE_NOT_FOUND: Final = 26
INDEX_NOT_FOUND: Final = 27
CANNOT_CREATE_INDEX: Final = 67
INVALID_OPTIONS: Final = 72
DONE: Final = Outcome(result=Done(), duration_s=0.0)
ID_KEY: Final[Mapping[str, Any]] = {"_id": 1}
ID_SPECIFICATION: Final[Mapping[str, Any]] = {"v": 2, "key": {"_id": 1}, "name": ID_INDEX}
FLAGS: Final = frozenset({"background", "sparse", "unique"})
"""Numbers are taken for true or false, and listed as that."""
WITHOUT_COLLATION: Final = frozenset({"2d", "text"})
NOT_KEPT: Final = frozenset({"_id", "dropDups", "ns", "v"})
LEFT_OUT_WHEN_FALSE: Final = frozenset({"unique", "hidden"})
SIGNATURE: Final = ("collation", "partialFilterExpression", "unique", "sparse")
"""Indexes with equal keys may stand side by side if they differ in one of these."""


async def drop(session: Session) -> Outcome:
    """Drop a collection."""
    operation = session.operation
    options.check("drop", operation.arguments)
    known = session.exists
    await session.drop(operation.database, operation.collection)
    if not known:
        raise CommandFailure(NAMESPACE_NOT_FOUND, "ns not found")
    return DONE


async def drop_database(session: Session) -> Outcome:
    """Drop all collections of a database."""
    database = session.operation.database
    options.check("dropDatabase", session.operation.arguments)
    for name in session.catalog.names(database):
        await session.drop(database, name)
    return DONE


async def create_indexes(session: Session) -> Outcome:
    """Make indexes, and the collection if there is none; all of them or none."""
    operation = session.operation
    options.check("createIndexes", operation.arguments)
    any_option = bool(operation.arguments.get("ignoreUnknownIndexOptions"))
    default = _collection(session).options.get("collation")
    wanted = [_specification(given, default, any_option=any_option) for given in _listed(operation)]
    await session.ensure()
    for specification in wanted:
        if specification["key"] == ID_KEY and specification.get("collation") != default:
            raise CommandFailure(
                BAD_VALUE, "The _id index must have the same collation as the collection."
            )
        if specification["key"] == ID_KEY or _known(_collection(session), specification):
            continue
        index = index_of(specification)
        if index.guards:
            await build(session, index)
        await session.add_index(index)
    return DONE


async def drop_indexes(session: Session) -> Outcome:
    """Drop indexes by name, by keys, or all but `_id_`."""
    operation = session.operation
    options.check("dropIndexes", operation.arguments)
    if not session.exists:
        raise CommandFailure(NAMESPACE_NOT_FOUND, "ns not found")
    gone = list(_chosen(_collection(session), operation.arguments.get("index")))
    await session.drop_indexes(gone)
    return DONE


async def list_indexes(session: Session) -> Documents:
    """Answer the specifications of a collection's indexes."""
    options.check("listIndexes", session.operation.arguments)
    if not session.exists:
        raise CommandFailure(NAMESPACE_NOT_FOUND, "ns does not exist")
    collection = _collection(session)
    kept = [index.specification for index in collection.indexes]
    listed = (_id_specification(collection), *kept)
    return Documents(documents=tuple(encode(dict(each)) for each in listed))


async def list_collections(session: Session) -> Documents:
    """Answer the collections of a database."""
    arguments, database = session.operation.arguments, session.operation.database
    options.check("listCollections", arguments)
    matches = matcher(parse_filter(arguments.get("filter") or {}))
    found = []
    for name in session.catalog.names(database):
        collection = session.catalog.collection(database, name) or Collection(
            storage=session.storage
        )
        shown = _shown(name, collection)
        if matches(shown):
            brief = {key: shown[key] for key in ("name", "type")}
            found.append(brief if arguments.get("nameOnly") else shown)
    return Documents(documents=tuple(encode(each) for each in found))


def _shown(name: str, collection: Collection[Any]) -> dict[str, Any]:
    info: dict[str, Any] = {"readOnly": False}
    if collection.uuid is not None:
        info["uuid"] = Binary(collection.uuid.bytes, 4)
    return {
        "name": name,
        "type": "collection",
        "options": dict(collection.options),
        "info": info,
        "idIndex": _id_specification(collection),
    }


def _id_specification(collection: Collection[Any]) -> dict[str, Any]:
    collation = collection.options.get("collation")
    return {**ID_SPECIFICATION, **({} if collation is None else {"collation": collation})}


def _listed(operation: Operation) -> list[Any]:
    given = operation.arguments.get("indexes")
    if not isinstance(given, list) or not given:
        raise CommandFailure(BAD_VALUE, "Must specify at least one index to create")
    return given


def _specification(
    given: Mapping[str, Any], default: Mapping[str, Any] | None, *, any_option: bool
) -> dict[str, Any]:
    """Return a specification as it is kept; `default` is the collation of the collection."""
    if not isinstance(given.get("key"), dict) or not isinstance(given.get("name"), str):
        raise CommandFailure(FAILED_TO_PARSE, "an index needs `key` and `name`")
    if not given["key"]:
        raise CommandFailure(
            CANNOT_CREATE_INDEX, "Index keys cannot be empty", code_name="CannotCreateIndex"
        )
    check_specification(given, any_option=any_option)
    ordered = [name for name in KEPT if name in given]
    ordered += [name for name in given if name in OPTIONS - NOT_KEPT - set(KEPT)]
    kept = {name: given[name] for name in ordered if given[name] or name not in LEFT_OUT_WHEN_FALSE}
    after_s = kept.get("expireAfterSeconds")
    if isinstance(after_s, float):
        kept["expireAfterSeconds"] = LONGEST_TTL_S if isnan(after_s) else int(after_s)
    kept |= {name: True for name in FLAGS & kept.keys() if kept[name]}
    collation = _collation(given, default)
    kept.pop("collation", None)
    if collation is not None:
        kept["collation"] = kept_collation(collation)
    return {"v": 2, **kept}


def _collation(given: Mapping[str, Any], default: Mapping[str, Any] | None) -> Collation | None:
    """Return the collation of an index: the one given, else that of the collection."""
    asked = given.get("collation", default)
    if asked == {}:
        raise CommandFailure(BAD_VALUE, "The field 'collation' cannot be an empty object.")
    collation = None if asked is None else parse_collation(asked)
    if collation is not None and WITHOUT_COLLATION & set(map(str, given["key"].values())):
        raise CommandFailure(
            CANNOT_CREATE_INDEX,
            "Index type does not support collation",
            code_name="CannotCreateIndex",
        )
    return collation


def _collection(session: Session) -> Collection[Any]:
    operation = session.operation
    found = session.catalog.collection(operation.database, operation.collection)
    return found or Collection(storage=session.storage)


def _known(collection: Collection[Any], wanted: Mapping[str, Any]) -> bool:
    """Return whether the index exists as asked for; CommandFailure where it conflicts with another."""
    for index in collection.indexes:
        existing = index.specification
        same = _signature(existing) == _signature(wanted)
        if index.name == wanted["name"]:
            if not same:
                raise CommandFailure(
                    86, "same name, other index", code_name="IndexKeySpecsConflict"
                )
            if _rest(existing) != _rest(wanted):
                raise CommandFailure(85, "other options", code_name="IndexOptionsConflict")
            return True
        if same:
            raise CommandFailure(
                85, "Index already exists with a different name", code_name="IndexOptionsConflict"
            )
    return False


def _signature(specification: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what tells an index from others; two with one signature cannot both exist."""
    keys = tuple(specification["key"].items())
    return (keys, *(specification.get(name) or None for name in SIGNATURE))


def _rest(specification: Mapping[str, Any]) -> Any:
    return specification.get("expireAfterSeconds")


def _chosen(collection: Collection[Any], wanted: Any) -> Iterator[Index]:
    """Yield the indexes that `dropIndexes` names."""
    if wanted == "*":
        yield from collection.indexes
        return
    for each in wanted if isinstance(wanted, list) else [wanted]:
        if each in (ID_INDEX, ID_KEY):
            raise CommandFailure(INVALID_OPTIONS, "cannot drop _id index")
        found = [
            index
            for index in collection.indexes
            if index.name == each
            or (isinstance(each, dict) and list(index.key_pattern.items()) == list(each.items()))
        ]
        if not found:
            raise CommandFailure(INDEX_NOT_FOUND, "index not found")
        if len(found) > 1:
            raise CommandFailure(181, "ambiguous key", code_name="AmbiguousIndexKeyPattern")
        yield found[0]
