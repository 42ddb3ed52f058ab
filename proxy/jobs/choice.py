"""Which documents somebody wants repaired: those that differ, or others by name."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bson import ObjectId, json_util
from bson.errors import BSONError

from comparators.canonical import CODEC, MISSING
from comparators.errors import SettingsError
from proxy.ledger.lookup import OpenDivergence
from proxy.ledger.redaction import Redaction

NAMED: Final = "named by whoever asks"
_AS_GIVEN: Final = json_util.CANONICAL_JSON_OPTIONS.with_options(
    datetime_conversion=CODEC.datetime_conversion
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A document that is wanted; its `_id` is MISSING where only the ledger's name for it is known."""

    divergence: OpenDivergence
    identifier: Any = field(default=MISSING, repr=False)


def choose(
    known: Sequence[OpenDivergence],
    *,
    collections: Sequence[str],
    documents: Sequence[str],
    redaction: Redaction,
) -> list[Chosen]:
    """Return the documents of these collections, or of all, with these names, or all.

    A name is that of the ledger or, in one collection, an `_id` as Extended JSON. SettingsError for any other.
    """
    inside = [each for each in known if not collections or each.namespace in collections]
    if not documents:
        return [Chosen(divergence=each) for each in inside]
    chosen: list[Chosen] = []
    for name in documents:
        found = [Chosen(divergence=each) for each in inside if each.document == name]
        chosen += found or [_named(name, inside, collections, redaction)]
    return chosen


def named(known: Sequence[OpenDivergence], namespace: str, names: Sequence[str]) -> list[Chosen]:
    """Return documents of a collection by the ledger's names for them, whether they differ or not."""
    differing = {each.document: each for each in known if each.namespace == namespace}
    return [
        Chosen(divergence=differing.get(name) or _unknown(namespace, name))
        for name in dict.fromkeys(names)
    ]


def _unknown(namespace: str, name: str) -> OpenDivergence:
    return OpenDivergence(namespace=namespace, document=name, cause=NAMED, since_ns=0, paths=())


def _named(
    text: str, inside: Sequence[OpenDivergence], collections: Sequence[str], redaction: Redaction
) -> Chosen:
    if len(collections) != 1:
        raise SettingsError(
            "no document that differs has this name",
            where="--id",
            remedy="take the name from the report, or say with --collection where the document lies",
        )
    namespace, identifier = collections[0], _identifier(text)
    name = redaction.document(namespace, identifier)
    [found] = named(inside, namespace, [name])
    return Chosen(divergence=found.divergence, identifier=identifier)


def _identifier(text: str) -> Any:
    if ObjectId.is_valid(text):
        return ObjectId(text)
    try:
        return json_util.loads(text, json_options=_AS_GIVEN)
    except (ValueError, TypeError, BSONError) as error:
        raise SettingsError(
            "an `_id` is written as Extended JSON",
            where="--id",
            remedy="""write '{"$oid": "…"}', '"a text in quotes"' or 17""",
        ) from error
