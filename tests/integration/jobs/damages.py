"""Ten ways to damage a document, in fields, in subdocuments and in arrays, and a collection with documents for them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bson import Int64
from bson.datetime_ms import DatetimeMS

from adapters.postgresql.gateway import PostgresGateway
from comparators.canonical import document_key, encode

Document = dict[str, Any]
Damage = Callable[[Document], Document]
EACH: Final = 5


def document(identifier: Any, n: int) -> Document:
    """Return a document with a field for each damage."""
    return {
        "_id": identifier,
        "n": n,
        "name": f"order {n}",
        "at": DatetimeMS(1_700_000_000_000 + n),
        "total": n * 1.5,
        "sub": {"a": n, "b": f"b {n}", "at": DatetimeMS(n)},
        "lines": [{"sku": f"sku {n} {line}", "count": line} for line in range(3)],
        "tags": ["x", f"tag {n}"],
    }


def _value(found: Document) -> Document:
    found["lines"][1]["sku"] = "another"
    return found


def _number_type(found: Document) -> Document:
    found["sub"]["a"] = Int64(found["sub"]["a"])
    return found


def _lost_field(found: Document) -> Document:
    del found["sub"]["b"]
    return found


def _extra_field(found: Document) -> Document:
    found["lines"][0]["extra"] = True
    return found


def _reordered(found: Document) -> Document:
    return {"_id": found.pop("_id"), "name": found.pop("name"), **found}


def _null(found: Document) -> Document:
    found["sub"]["gone"] = None
    return found


def _one_ms(found: Document) -> Document:
    found["at"] = DatetimeMS(int(found["at"]) + 1)
    return found


CHANGES: Final[Mapping[str, Damage]] = {
    "changed value": _value,
    "changed number type": _number_type,
    "lost field": _lost_field,
    "extra field": _extra_field,
    "reordered fields": _reordered,
    "null instead of missing": _null,
    "date off by one ms": _one_ms,
}


async def damage(
    gateway: PostgresGateway, namespace: str, documents: list[Document], extra: list[Document]
) -> dict[bytes, str]:
    """Damage fifty documents of the gateway; return how, by the keys of their `_id`s."""
    images: dict[bytes, tuple[Any, bytes | None]] = {}
    kinds: dict[bytes, str] = {}
    remaining = iter(documents)

    def put(kind: str, identifier: Any, image: Document | None) -> None:
        key = document_key(identifier)
        images[key] = (identifier, None if image is None else encode(image))
        kinds[key] = kind

    for kind, change in CHANGES.items():
        for _ in range(EACH):
            found = next(remaining)
            put(kind, found["_id"], change(document(found["_id"], found["n"])))
    for _ in range(EACH):
        put("lost document", next(remaining)["_id"], None)
    for each in extra[:EACH]:
        put("extra document", each["_id"], each)
    ring = [next(remaining) for _ in range(EACH)]
    for one, other in zip(ring, [*ring[1:], ring[0]], strict=True):
        put("swapped documents", one["_id"], {**other, "_id": one["_id"]})
    await gateway.put_images(namespace, images)
    assert len(kinds) == 50
    return kinds
