"""`$text`: what it takes, and the index it is read by.

Source: MongoDB manual, "$text"; the codes were observed on a server 6.0.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from adapters.query.failures import CommandFailure
from adapters.query.filter.tree import And, Filter, Text
from adapters.query.text_index import TextIndex, language_of

BAD_VALUE: Final = 2
NO_SUCH_KEY: Final = 4
TYPE_MISMATCH: Final = 14
NO_INDEX: Final = 27

OPTIONS: Final[Mapping[str, type]] = {
    "$search": str,
    "$language": str,
    "$caseSensitive": bool,
    "$diacriticSensitive": bool,
}


def parse_text(operand: Any) -> Text:
    """Return the search; CommandFailure where it is none."""
    if not isinstance(operand, Mapping):
        raise CommandFailure(BAD_VALUE, "$text expects an object")
    if "$search" not in operand:
        raise CommandFailure(NO_SUCH_KEY, 'Missing expected field "$search"')
    for name, kind in OPTIONS.items():
        if name in operand and not isinstance(operand[name], kind):
            raise CommandFailure(TYPE_MISMATCH, f'"{name}" had the wrong type')
    if operand.keys() - OPTIONS.keys():
        raise CommandFailure(BAD_VALUE, "extra fields in $text")
    return Text(
        search=operand["$search"],
        language=operand.get("$language", ""),
        case_sensitive=operand.get("$caseSensitive", False),
        diacritic_sensitive=operand.get("$diacriticSensitive", False),
    )


def texts_of(filter: Filter) -> tuple[Text, ...]:  # noqa: A002 - MongoDB's word
    """Return the searches of a filter: they stand beside its fields, or in `$and` there."""
    if isinstance(filter, Text):
        return (filter,)
    if isinstance(filter, And):
        return tuple(text for child in filter.children for text in texts_of(child))
    return ()


def over_index(filter: Filter, index: TextIndex | None) -> Filter:  # noqa: A002
    """Return a filter whose search is read by an index; CommandFailure where there is none."""
    texts = texts_of(filter)
    if not texts:
        return filter
    found = [searched(text, index) for text in texts]
    if len(found) > 1:
        raise CommandFailure(BAD_VALUE, "Too many text expressions")
    return _over(filter, found[0])


def searched(text: Text, index: TextIndex | None) -> TextIndex:
    """Return the index that can be searched so; CommandFailure where there is none."""
    if index is None:
        raise CommandFailure(NO_INDEX, "text index required for $text query")
    language_of(text.language or index.language)
    return index


def _over(filter: Filter, index: TextIndex) -> Filter:  # noqa: A002
    if isinstance(filter, Text):
        return replace(filter, language=language_of(filter.language or index.language), index=index)
    if isinstance(filter, And):
        return And(children=tuple(_over(child, index) for child in filter.children))
    return filter
