"""Documents from the gateway to MongoDB, as they are now.

Where a unique value is in the way it belongs to a document whose present state has not come to MongoDB yet: that one is taken
away, and comes back as the gateway has it in the same go.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bson.raw_bson import RawBSONDocument
from pymongo import DeleteOne, ReplaceOne
from pymongo.collation import Collation
from pymongo.errors import BulkWriteError

from adapters.gateway import Gateway
from comparators.canonical import decode, document_key
from proxy.mirror.target import MirrorRefusedError, Target

AT_ONCE: Final = 500
TRIES: Final = 5
MOST_IN_THE_WAY: Final = 100
DUPLICATE: Final = 11000
IMMUTABLE: Final = 66
"""The `_id` there is equal and of another type."""
EXACT: Final = Collation(locale="simple")
"""Under the collation of a collection an `_id` that is gone may be equal to one that is there."""

Images = Mapping[bytes, bytes]


class Documents:
    """Copies documents by their `_id`s."""

    def __init__(self, gateway: Gateway, target: Target) -> None:
        self._gateway = gateway
        self._target = target

    async def copy(self, namespace: str, identifiers: Sequence[Any]) -> Mapping[bytes, int]:
        """Make documents of MongoDB those of the gateway, and return which it refused, by document key, with the code."""
        unlike = {document_key(each): each for each in identifiers}
        refused: dict[bytes, int] = {}
        keys = list(unlike)
        for first in range(0, len(keys), AT_ONCE):
            some = {key: unlike[key] for key in keys[first : first + AT_ONCE]}
            refused |= await self._some(namespace, some)
        return refused

    async def _some(self, namespace: str, wanted: dict[bytes, Any]) -> Mapping[bytes, int]:
        refused: Mapping[bytes, int] = {}
        for _ in range(TRIES):
            images = await self._gateway.images(namespace, list(wanted.values()))
            await self._delete(namespace, [wanted[key] for key in wanted if key not in images])
            errors = await self._replace(namespace, [(k, images[k]) for k in wanted if k in images])
            if not errors:
                return {}
            refused = {key: code for key, (code, _) in errors.items()}
            in_the_way = await self._in_the_way(namespace, errors)
            await self._delete(namespace, in_the_way.values())
            wanted = {**{key: wanted[key] for key in errors}, **in_the_way}
        return refused

    async def _delete(self, namespace: str, identifiers: Iterable[Any]) -> None:
        gone = [DeleteOne({"_id": {"$eq": each}}, collation=EXACT) for each in identifiers]
        if gone:
            try:
                with self._target.reachable():
                    await self._target.images(namespace).bulk_write(gone, ordered=False)
            except BulkWriteError as error:
                raise MirrorRefusedError(
                    "MongoDB does not delete what the gateway has deleted",
                    where=namespace,
                    remedy="look into MongoDB's log",
                ) from error

    async def _replace(
        self, namespace: str, images: Sequence[tuple[bytes, bytes]]
    ) -> dict[bytes, tuple[int, Mapping[str, Any]]]:
        """Put images in place, and return the errors by document key.

        In the order of the notes, which is that of insertions: without a sort MongoDB gives documents as they came.
        """
        put: list[ReplaceOne[RawBSONDocument]] = [
            ReplaceOne({"_id": {"$eq": decode(image)["_id"]}}, RawBSONDocument(image), upsert=True)
            for _, image in images
        ]
        if not put:
            return {}
        try:
            with self._target.reachable():
                await self._target.images(namespace).bulk_write(
                    put, ordered=False, bypass_document_validation=True
                )
        except BulkWriteError as error:
            errors = error.details["writeErrors"]
            return {images[each["index"]][0]: (int(each["code"]), each) for each in errors}
        return {}

    async def _in_the_way(
        self, namespace: str, errors: Mapping[bytes, tuple[int, Mapping[str, Any]]]
    ) -> dict[bytes, Any]:
        """Return the `_id`s of documents that MongoDB has otherwise than the gateway, and that keep others out."""
        found: dict[bytes, bytes] = {}
        source = self._target.images(namespace)
        for key, (code, error) in errors.items():
            if code == IMMUTABLE:
                asked: Any = error["op"]["q"]
            elif code == DUPLICATE and isinstance(error.get("keyValue"), Mapping):
                values = error["keyValue"]
                asked = {path: {"$eq": value} for path, value in values.items()}
            else:
                continue
            with self._target.reachable():
                async for document in source.find(asked).limit(MOST_IN_THE_WAY):
                    image = bytes(document.raw)
                    other = document_key(decode(image)["_id"])
                    if other != key or code == IMMUTABLE:
                        found[other] = image
        identifiers = {key: decode(image)["_id"] for key, image in found.items()}
        present: Images = await self._gateway.images(namespace, list(identifiers.values()))
        return {key: identifiers[key] for key in found if present.get(key) != found[key]}
