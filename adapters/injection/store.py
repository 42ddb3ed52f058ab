"""Damage to what the gateway holds, put back after every write to a document that is to be damaged."""

from collections.abc import Iterable
from typing import Any, Final

from adapters.gateway import Gateway
from adapters.injection.documents import with_lost_field, with_wrong_value
from adapters.injection.plan import DefectKind, Injection
from adapters.injection.record import DefectRecord, Entry, EntryKind
from comparators.canonical import document_key

_KINDS: Final = (
    DefectKind.WRONG_VALUE,
    DefectKind.LOST_FIELD,
    DefectKind.LOST_DOCUMENT,
    DefectKind.LOST_WRITE,
)


class StoredDamage:
    """Keep the chosen documents damaged: each is what its undamaged twin is, less the damage."""

    def __init__(
        self, damaged: Gateway, twin: Gateway, injection: Injection, record: DefectRecord
    ) -> None:
        self._damaged = damaged
        self._twin = twin
        self._injection = injection
        self._record = record
        self._frozen: dict[tuple[str, bytes], bytes] = {}
        self._different: set[tuple[str, bytes]] = set()

    async def after_write(
        self, namespace: str, identifiers: Iterable[Any], *, all_suspect: bool
    ) -> None:
        """Damage the documents of a write that are to be damaged, and record which now differ.

        `all_suspect`: the two gateways answered the write differently, so any of its documents may.
        """
        touched = {document_key(identifier): identifier for identifier in identifiers}
        concerned = {
            key: identifier
            for key, identifier in touched.items()
            if all_suspect or (namespace, key) in self._different or self._is_chosen(namespace, key)
        }
        if not concerned:
            return
        clean = await self._twin.images(namespace, list(concerned.values()))
        stored = await self._damaged.images(namespace, list(concerned.values()))
        changes: dict[bytes, tuple[Any, bytes | None]] = {}
        for key, identifier in concerned.items():
            wanted = stored.get(key)
            if self._is_chosen(namespace, key):
                wanted = self._damage(namespace, key, clean.get(key))
                if wanted != stored.get(key):
                    changes[key] = (identifier, wanted)
            self._note(namespace, key, is_different=wanted != clean.get(key))
        if changes:
            await self._damaged.put_images(namespace, changes)

    def put_right(self, namespace: str, keys: Iterable[bytes]) -> None:
        """Record that the verifier made documents equal to legacy's."""
        for key in keys:
            self._note(namespace, key, is_different=False)

    def _is_chosen(self, namespace: str, key: bytes) -> bool:
        return self._injection.picks(b"stored", namespace.encode(), key)

    def _kind(self, namespace: str, key: bytes) -> DefectKind:
        return _KINDS[self._injection.number(b"kind", namespace.encode(), key) % len(_KINDS)]

    def _damage(self, namespace: str, key: bytes, image: bytes | None) -> bytes | None:
        kind = self._kind(namespace, key)
        if kind is DefectKind.LOST_WRITE:
            return self._without_later_writes(namespace, key, image)
        if image is None or kind is DefectKind.LOST_DOCUMENT:
            return None
        number = self._injection.number(b"field", namespace.encode(), key)
        if kind is DefectKind.LOST_FIELD:
            return with_lost_field(image, number)
        return with_wrong_value(image, number)

    def _without_later_writes(
        self, namespace: str, key: bytes, image: bytes | None
    ) -> bytes | None:
        """Return the document as its first write left it: all later ones, deletion included, are lost."""
        if image is None:
            return self._frozen.get((namespace, key))
        return self._frozen.setdefault((namespace, key), image)

    def _note(self, namespace: str, key: bytes, *, is_different: bool) -> None:
        place = (namespace, key)
        if is_different:
            if place not in self._different:
                self._different.add(place)
                self._record.changed(
                    Entry(kind=EntryKind.DIFFERS, namespace=namespace, document=key)
                )
            if self._is_chosen(namespace, key):
                self._record.add(
                    Entry(
                        kind=EntryKind.STORED,
                        namespace=namespace,
                        document=key,
                        defect=self._kind(namespace, key),
                    )
                )
        elif place in self._different:
            self._different.discard(place)
            self._record.changed(Entry(kind=EntryKind.HEALED, namespace=namespace, document=key))
