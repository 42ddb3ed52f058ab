"""References replaced by the documents they point at.

Source: Mongoose documentation, "Populate".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adapters.gateway import Transaction
from adapters.mongoose.schema import ModelSchema
from comparators.canonical import document_key
from comparators.errors import UnsupportedError

if TYPE_CHECKING:
    from adapters.mongoose.model import Model


Projection = Mapping[str, Any] | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Populate:
    """A path to populate: with the fields of `select` alone where that is given, from documents that `match`."""

    path: str
    select: Projection = None
    match: Mapping[str, Any] | None = None
    model: str | None = None
    populate: Sequence["Asked"] = ()


Asked = Populate | str | Mapping[str, Any]
"""What to populate: paths parted by spaces, or one with options."""


Narrowing = Callable[[ModelSchema, Mapping[str, Any]], Mapping[str, Any]]
"""Returns the filter by which documents of a model are looked up, for one that selects them."""


def whole(_: ModelSchema, condition: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a filter as it is: what Mongoose does."""
    return condition


async def populated(
    documents: list[dict[str, Any]],
    schema: ModelSchema,
    asked: Sequence[Asked],
    models: Mapping[str, "Model"],
    session: Transaction | None,
    narrowing: Narrowing = whole,
) -> list[dict[str, Any]]:
    """Return documents with the references at paths replaced: by null, and out of an array, where they point nowhere."""
    for each in asked:
        for one in _asked(each):
            await _populate(documents, schema, one, models, session, narrowing)
    return documents


def _asked(each: Asked) -> list[Populate]:
    match each:
        case str():
            return [Populate(path=path) for path in each.split()]
        case Populate():
            return [each]
        case _:
            return [Populate(**each)]


async def _populate(
    documents: list[dict[str, Any]],
    schema: ModelSchema,
    asked: Populate,
    models: Mapping[str, "Model"],
    session: Transaction | None,
    narrowing: Narrowing,
) -> None:
    places = [place for document in documents for place in _places(document, asked.path.split("."))]
    by_model: dict[str, list[tuple[dict[str, Any], str]]] = {}
    for holder, name in places:
        by_model.setdefault(_target(schema, asked, holder), []).append((holder, name))
    shown, whole = _with_identifier(asked.select)
    for target, held in by_model.items():
        if target not in models:
            raise UnsupportedError(
                f"populating {asked.path!r} from the unknown model {target!r}",
                where=schema.name,
                remedy="export that model too, or name another one",
            )
        ids = [identifier for holder, name in held for identifier in _listed(holder[name])]
        wanted = {**(asked.match or {}), "_id": {"$in": ids}}
        found = await models[target].find(
            narrowing(models[target].schema, wanted),
            projection=shown,
            populate=asked.populate,
            session=session,
        )
        by_id = {document_key(document["_id"]): document for document in found}
        if not whole:
            for document in found:
                del document["_id"]
        for holder, name in held:
            holder[name] = _replaced(holder[name], by_id)


def _with_identifier(select: Projection) -> tuple[Projection, bool]:
    """Return a projection that keeps the `_id`s, which tell what belongs where, and whether they were asked for."""
    if isinstance(select, str):
        names = [name for name in select.split() if name != "-_id"]
        return " ".join(names), "-_id" not in select.split()
    if select is None or select.get("_id", 1):
        return select, True
    return {name: value for name, value in select.items() if name != "_id"}, False


def _target(schema: ModelSchema, asked: Populate, document: Mapping[str, Any]) -> str:
    if asked.model is not None:
        return asked.model
    kind, _ = schema.schema.find(asked.path)
    while kind is not None and kind.element is not None and "ref" not in kind.options:
        kind = kind.element
    options = {} if kind is None else kind.options
    if "refPath" in options:
        return str(document.get(options["refPath"]))
    if not isinstance(options.get("ref"), str):
        raise UnsupportedError(
            f"populating {asked.path!r}, which has no `ref`",
            where=schema.name,
            remedy="name the model",
        )
    return str(options["ref"])


def _places(value: Any, path: list[str]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the documents that hold a reference, with the name under which they do."""
    if isinstance(value, list):
        for item in value:
            yield from _places(item, path)
    elif isinstance(value, dict) and value.get(path[0]) is not None:
        if len(path) == 1:
            yield value, path[0]
        else:
            yield from _places(value[path[0]], path[1:])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _replaced(value: Any, by_id: Mapping[bytes, Any]) -> Any:
    if isinstance(value, list):
        found = (by_id.get(document_key(each)) for each in value)
        return [each for each in found if each is not None]
    return by_id.get(document_key(value))
