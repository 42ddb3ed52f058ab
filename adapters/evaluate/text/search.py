"""Whether a document is found by a `$text`: by a word of it, without what is negated, with every phrase.

Source: MongoDB manual, "$text"; the reading of a search was observed on a server 6.0.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.evaluate.text.characters import FOLDED, folding
from adapters.evaluate.text.fields import indexed_strings
from adapters.evaluate.text.words import words_of
from adapters.query.filter.tree import Text
from adapters.query.text_index import TextIndex

TOKEN: Final = re.compile(r"([ \t\n\v\f\r]*)([-\"]|[^-\" \t\n\v\f\r]+)")

Words = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search as it is read: text whose words are wanted or not, and phrases."""

    wanted: str
    unwanted: str
    phrases: tuple[str, ...]
    unwanted_phrases: tuple[str, ...]


def read_search(text: str) -> Search:
    """Return what a search asks for.

    A minus behind white space negates up to the next white space; the words of a phrase count as words, but not those
    of a negated one. A phrase that does not end is none.
    """
    wanted: list[str] = []
    unwanted: list[str] = []
    phrases: dict[bool, list[str]] = {False: [], True: []}
    begin: int | None = None
    negated = False
    for token in TOKEN.finditer(text):
        apart, part = token.start() == 0 or bool(token[1]), token[2]
        if part == "-":
            if begin is None and apart:
                negated = True
        elif part == '"' and begin is not None:
            phrases[negated].append(text[begin : token.start(2)])
            begin = None
        elif part == '"':
            negated = negated and not token[1]
            begin = token.end()
        elif begin is not None:
            if not negated:
                wanted.append(part)
        else:
            negated = negated and not token[1]
            (unwanted if negated else wanted).append(part)
    return Search(
        wanted=" ".join(wanted),
        unwanted=" ".join(unwanted),
        phrases=tuple(phrases[False]),
        unwanted_phrases=tuple(phrases[True]),
    )


def text_test(text: Text, index: TextIndex) -> Callable[[Mapping[str, Any]], bool]:
    """Return the test whether a document is found."""
    search = read_search(text.search.partition("\0")[0])
    keeps_case = text.case_sensitive
    folds = folding(case_sensitive=keeps_case, diacritic_sensitive=text.diacritic_sensitive)
    sensitive = keeps_case or text.diacritic_sensitive

    def words(of: str, language: str, *, stops: bool = True) -> Words:
        return frozenset(words_of(of, language, folds=folds, keeps_case=keeps_case, stops=stops))

    def entries(of: str, language: str) -> Words:
        return frozenset(words_of(of, language, folds=FOLDED, keeps_case=False))

    looked_up = entries(search.wanted, text.language)
    wanted = words(search.wanted, text.language)
    unwanted = words(search.unwanted, text.language)
    phrases = [phrase.translate(folds) for phrase in search.phrases]
    unwanted_phrases = [phrase.translate(folds) for phrase in search.unwanted_phrases]

    def matches(document: Mapping[str, Any]) -> bool:
        strings = list(indexed_strings(document, index))
        if not any(looked_up & entries(*each) for each in strings):
            return False
        # What is read again, and not only looked up in the index, has its stop words.
        found = [words(*each, stops=False) for each in strings] if sensitive or unwanted else []
        if sensitive and not any(wanted & each for each in found):
            return False
        if any(unwanted & each for each in found):
            return False
        if not phrases and not unwanted_phrases:
            return True
        folded = [string.translate(folds) for string, _language in strings]
        return all(any(phrase in each for each in folded) for phrase in phrases) and not any(
            phrase in each for phrase in unwanted_phrases for each in folded
        )

    return matches
