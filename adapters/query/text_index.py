"""A text index: which strings of a document it holds, and how a `$text` over it is read.

Source: MongoDB manual, "Text Indexes"; what a server takes was observed on 6.0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.query.failures import CommandFailure
from adapters.query.paths import Path, split_path
from adapters.query.unsupported import unsupported

BAD_VALUE: Final = 2
ENGLISH: Final = "english"
NONE: Final = "none"
LANGUAGES: Final[Mapping[str, str]] = {"en": ENGLISH, ENGLISH: ENGLISH, NONE: NONE}
OTHER_LANGUAGES: Final[Mapping[str, str]] = {
    "da": "danish", "de": "german", "es": "spanish", "fi": "finnish", "fr": "french", "hu": "hungarian", "it": "italian",
    "nb": "norwegian", "nl": "dutch", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish", "tr": "turkish",
}  # fmt: skip
WILDCARD: Final = "$**"
INTERNAL: Final = frozenset({"_fts", "_ftsx"})
VERSION: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TextIndex:
    """What a text index holds. `fields` are paths; a wildcard index holds every string."""

    fields: frozenset[str]
    wildcard: bool
    language: str
    language_override: str
    before: tuple[Path, ...]
    """The paths in front of the text: a `$text` must fix the value of each."""


def text_index_of(specification: Mapping[str, Any]) -> TextIndex | None:
    """Return the text index that a specification describes; None for one of another kind."""
    key: Mapping[str, Any] = specification["key"]
    if "text" not in key.values():
        return None
    for name in ("partialFilterExpression", "textIndexVersion"):
        if name in specification and specification[name] != VERSION:
            raise unsupported(f"$text with {name}", where="index")
    weights = specification.get("weights", {})
    named = [weights] if isinstance(weights, str) else list(weights)
    fields = {path for path, kind in key.items() if kind == "text" and path not in INTERNAL}
    fields.update(named)
    wildcard = WILDCARD in fields
    if any(path.endswith(f".{WILDCARD}") for path in fields):
        raise unsupported("$text with a wildcard below a path", where="index")
    paths = list(key)
    first = next(at for at, path in enumerate(paths) if key[path] == "text")
    return TextIndex(
        fields=frozenset(fields - {WILDCARD}),
        wildcard=wildcard,
        language=language_of(specification.get("default_language", ENGLISH)),
        language_override=specification.get("language_override", "language"),
        before=tuple(split_path(path) for path in paths[:first]),
    )


def language_of(name: str) -> str:
    """Return a language whose words are known; CommandFailure for a name that is no language."""
    lower = name.lower()
    found = LANGUAGES.get(lower)
    if found is not None:
        return found
    other = OTHER_LANGUAGES.get(lower, lower)
    if other in OTHER_LANGUAGES.values():
        raise unsupported(f"$text in {other}", where="filter")
    raise CommandFailure(BAD_VALUE, f"unsupported language: {name!r} for text index version 3")
