"""The words of a text, as an index holds them: parted, without stop words, stemmed, folded."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from snowballstemmer.english_stemmer import EnglishStemmer

from adapters.evaluate.text.characters import (
    LOWER,
    PARTING,
    PARTING_ENGLISH,
    Characters,
)
from adapters.query.text_index import ENGLISH

STOP_WORDS: Final = frozenset(
    "a about above after again against all am an and any are aren't as at be because been before being below between both but "
    "by can't cannot could couldn't did didn't do does doesn't doing don't down during each few for from further had hadn't has "
    "hasn't have haven't having he he'd he'll he's her here here's herself him himself his how how's i i'd i'll i'm i've if in "
    "into is isn't it it's its itself let's me more most mustn't my myself no nor not of off on once only or other ought our "
    "ours ourselves out over own same shan't she she'd she'll she's should shouldn't so some such than that that's the their "
    "theirs them themselves then there there's these they they'd they'll they're they've this those through to too under until "
    "up very was wasn't we we'd we'll we're we've were weren't what what's when when's where where's which while who who's whom "
    "why why's with won't would wouldn't you you'd you'll you're you've your yours yourself yourselves".split()
)
"""Source: the stop words of Snowball; each was asked of a server 6.0."""


def words_of(
    text: str, language: str, *, folds: Characters, keeps_case: bool, stops: bool = True
) -> Iterator[str]:
    """Yield the words of a text in their order; `stops` leaves out the stop words."""
    english = language == ENGLISH
    for word in text.translate(PARTING_ENGLISH if english else PARTING).split(" "):
        if not word:
            continue
        # Stop words are looked up and stems are taken before the marks are gone.
        lower = word.translate(LOWER)
        if not english:
            yield (word if keeps_case else lower).translate(folds)
        elif not stops or lower not in STOP_WORDS:
            yield stem(word if keeps_case else lower).translate(folds)


@lru_cache(maxsize=16384)
def stem(word: str) -> str:
    """Return the English stem of a word.

    The stemmer keeps state, so that each call has one of its own.
    """
    return str(EnglishStemmer().stemWord(word))  # type: ignore[no-untyped-call]
