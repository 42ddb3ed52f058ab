"""Collections and their indexes on MongoDB as the gateway has them now."""

from collections.abc import Mapping
from typing import Any, Final

from adapters.gateway import Gateway, Generated
from comparators.canonical import decode
from comparators.operation import Kind, Operation
from comparators.outcome import Documents
from proxy.mirror.target import Target

CHANGEABLE: Final[Mapping[str, Any]] = {
    "validator": {},
    "validationLevel": "strict",
    "validationAction": "error",
    "changeStreamPreAndPostImages": {"enabled": False},
}
"""What `collMod` changes of a collection, and what stands for nothing."""
NOT_COMPARED: Final = frozenset({"v", "ns", "background"})
OF_INDEX: Final = frozenset({"expireAfterSeconds", "hidden"})
"""What `collMod` changes of an index."""
ID_INDEX: Final = "_id_"
_NOTHING: Final = Generated(now_ms=0)

Fields = dict[str, Any]


class Definitions:
    """Makes definitions equal, one collection at a time."""

    def __init__(self, gateway: Gateway, target: Target) -> None:
        self._gateway = gateway
        self._target = target

    async def copy(self, namespace: str) -> None:
        """Make a collection and its indexes, or drop it, as the gateway says."""
        here = await self._options(namespace)
        if here is None:
            await self.drop(namespace)
            return
        database, _, name = namespace.partition(".")
        with self._target.reachable():
            found = await self._target.database(database).list_collections(filter={"name": name})
            there = [each async for each in found]
            if not there:
                await self._command(database, {"create": name, **here})
            elif changed := _changed(here, there[0].get("options", {})):
                await self._command(database, {"collMod": name, **changed})
            await self._indexes(database, name)

    async def drop(self, namespace: str) -> None:
        """Have a collection no more."""
        with self._target.reachable():
            await self._target.collection(namespace).drop()

    async def _indexes(self, database: str, name: str) -> None:
        namespace = f"{database}.{name}"
        listed = await self._listed(namespace, Kind.LIST_INDEXES)
        here = {each["name"]: each for each in listed if each["name"] != ID_INDEX}
        cursor = await self._target.collection(namespace).list_indexes()
        there = {each["name"]: dict(each) async for each in cursor}
        there.pop(ID_INDEX, None)
        for index, known in there.items():
            wanted = here.get(index)
            if wanted is not None and _rest(wanted) == _rest(known):
                if changed := _changed_index(wanted, known):
                    modified = {"collMod": name, "index": {"name": index, **changed}}
                    await self._command(database, modified)
                del here[index]
            else:
                await self._command(database, {"dropIndexes": name, "index": index})
        if here:
            await self._command(database, {"createIndexes": name, "indexes": list(here.values())})

    async def _options(self, namespace: str) -> Fields | None:
        """Return the options of a collection on the gateway, None where there is none."""
        _, _, name = namespace.partition(".")
        for each in await self._listed(namespace, Kind.LIST_COLLECTIONS, filter={"name": name}):
            options: Fields = each["options"]
            return options
        return None

    async def _listed(self, namespace: str, kind: Kind, **arguments: Any) -> list[Fields]:
        database, _, name = namespace.partition(".")
        operation = Operation(database=database, collection=name, kind=kind, arguments=arguments)
        result = (await self._gateway.run(operation, generated=_NOTHING)).result
        return list(map(decode, result.documents)) if isinstance(result, Documents) else []

    async def _command(self, database: str, command: Fields) -> None:
        concern = {"w": "majority"}
        await self._target.database(database).command({**command, "writeConcern": concern})


def _changed(wanted: Fields, known: Fields) -> Fields:
    """Return what `collMod` must be told."""
    return {
        name: wanted.get(name, nothing)
        for name, nothing in CHANGEABLE.items()
        if wanted.get(name, nothing) != known.get(name, nothing)
    }


def _changed_index(wanted: Fields, known: Fields) -> Fields:
    changed: Fields = {}
    if wanted.get("expireAfterSeconds") != known.get("expireAfterSeconds"):
        changed["expireAfterSeconds"] = wanted["expireAfterSeconds"]
    if bool(wanted.get("hidden")) != bool(known.get("hidden")):
        changed["hidden"] = bool(wanted.get("hidden"))
    return changed


def _rest(index: Fields) -> Any:
    """Return what must be the same for an index to stay."""
    kept = {k: v for k, v in index.items() if k not in NOT_COMPARED | OF_INDEX}
    kept["key"] = list(index["key"].items())
    return kept, "expireAfterSeconds" in index
