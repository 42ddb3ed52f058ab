"""The strings of a document that a text index holds, each with its language.

Source: observed on a server 6.0: arrays are entered once, but by a wildcard at every depth, and a subdocument may name the
language of what is below it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bson.dbref import DBRef

from adapters.query.failures import CommandFailure
from adapters.query.text_index import TextIndex, language_of
from adapters.query.unsupported import unsupported

Indexed = tuple[str, str]
"""A string and its language."""


def indexed_strings(document: Mapping[str, Any], index: TextIndex) -> Iterator[Indexed]:
    """Yield the strings that an index holds of a document."""
    yield from _within(document, "", index.language, index)


def _within(
    document: Mapping[str, Any], above: str, language: str, index: TextIndex
) -> Iterator[Indexed]:
    given = document.get(index.language_override)
    if isinstance(given, str):
        language = _known(given)
    for name, value in document.items():
        if index.wildcard and name == index.language_override:
            continue
        path = f"{above}.{name}" if above else name
        yield from _below(value, path, language, index, in_array=False)


def _below(
    value: Any, path: str, language: str, index: TextIndex, *, in_array: bool
) -> Iterator[Indexed]:
    exact = path in index.fields
    if isinstance(value, DBRef):
        value = value.as_doc()
    if isinstance(value, str):
        if exact or index.wildcard:
            # The server's strings end at a zero byte.
            yield value.partition("\0")[0], language
    elif isinstance(value, Mapping):
        if index.wildcard or _leads(path, index):
            yield from _within(value, path, language, index)
    elif isinstance(value, list) and (
        index.wildcard or (not in_array and (exact or _leads(path, index)))
    ):
        for element in value:
            yield from _below(element, path, language, index, in_array=True)


def _leads(path: str, index: TextIndex) -> bool:
    return path not in index.fields and any(field.startswith(f"{path}.") for field in index.fields)


def _known(name: str) -> str:
    try:
        return language_of(name)
    except CommandFailure as error:
        raise unsupported(f"$text in {name}", where="document") from error
