"""What of an entity can be searched, and how a document looks in an index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from bson import json_util
from bson.datetime_ms import DatetimeMS

from comparators.canonical import document_key

MARK: Final = "_meiliIndex"
"""The field of a document that says whether the index holds it as it is. LibreChat has it too."""
_LONGEST: Final = 20_000
"""How many characters of a text are indexed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchIndex:
    """One entity in the index.

    `texts` are the fields that are searched, the most important first; `title` is what suggestions give. `owner` names whose a document
    is: nobody else finds it. `filters` are further fields that a search may ask for.
    """

    entity: str
    collection: str
    texts: tuple[str, ...]
    title: str
    owner: str = "user"
    filters: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the name of the index in the engine."""
        return self.collection

    def entry(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the engine is given of a document."""
        entry: dict[str, Any] = {
            "id": entry_id(document["_id"]),
            "key": json_util.dumps(document["_id"], json_options=json_util.CANONICAL_JSON_OPTIONS),
            "owner": tag_of(document.get(self.owner)),
            "at": moment_of(document),
        }
        entry.update({field: _text(document.get(field)) for field in self.texts})
        entry.update({field: tag_of(document.get(field)) for field in self.filters})
        return entry

    def words(self, document: Mapping[str, Any]) -> str:
        """Return the texts of a document as an index has them, one a line."""
        texts = (_text(document.get(field)) for field in self.texts)
        return "\n".join(each if isinstance(each, str) else "\n".join(each) for each in texts)


MESSAGES: Final = SearchIndex(
    entity="Message",
    collection="messages",
    texts=("text", "sender"),
    title="text",
    filters=("endpoint", "conversationId"),
)
CONVERSATIONS: Final = SearchIndex(
    entity="Conversation",
    collection="conversations",
    texts=("title", "tags"),
    title="title",
    filters=("endpoint",),
)
FILES: Final = SearchIndex(
    entity="File",
    collection="files",
    texts=("filename",),
    title="filename",
    filters=("type", "source"),
)
INDEXES: Final[Mapping[str, SearchIndex]] = {
    each.entity: each for each in (MESSAGES, CONVERSATIONS, FILES)
}


def entry_id(identifier: Any) -> str:
    """Return what an engine takes as the key of a document: letters and digits, whatever the `_id` is."""
    return blake2b(document_key(identifier), digest_size=16).hexdigest()


def tag_of(value: Any) -> str:
    """Return what stands for a value that is only ever compared: it needs no quoting, and tells nothing."""
    return blake2b(str(value).encode(), digest_size=12).hexdigest()


def identifier_of(entry: Mapping[str, Any]) -> Any:
    """Return the `_id` of the document that an entry stands for."""
    return json_util.loads(entry["key"])


def moment_of(document: Mapping[str, Any]) -> int:
    """Return when a document was made, in milliseconds since the epoch; 0 where it does not say."""
    made = document.get("createdAt")
    if isinstance(made, datetime):
        made = DatetimeMS(made)
    return int(made) if isinstance(made, DatetimeMS) else 0


def _text(value: Any) -> str | Sequence[str]:
    if isinstance(value, list | tuple):
        return [str(each)[:_LONGEST] for each in value]
    return "" if value is None else str(value)[:_LONGEST]
