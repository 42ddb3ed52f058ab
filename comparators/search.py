"""Whether an engine and a database find the same documents for the same words, and in the same order where both rank.

They find by different rules, which are told apart here: an engine takes the last word for a beginning and forgives typing errors, a database finds
a word inside of another one. What these rules explain is a match by rule; what nothing explains is a mismatch.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Final

from comparators.verdict import Judgement, Verdict

TOLERANCE: Final = "search_tolerance"
"""The rule for what only the engine finds: it forgives a typing error, an accent, a mark between words."""
INSIDE: Final = "search_inside"
"""The rule for what only the database finds: a word inside of another one."""
RANK: Final = "search_rank"
"""The rule for rankings that differ a little."""
_WORD: Final = re.compile(r"\w+")
_ONE_TYPO: Final = 5
_TWO_TYPOS: Final = 9
"""From so many letters on. Source: Meilisearch documentation, "Typo tolerance"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What one path finds: the texts of the documents by their key, the best first.

    `is_complete` says that it is all of it. `scores` are what ranks, None where the path does not rank; equal ones may swap.
    """

    texts: Mapping[bytes, str]
    is_complete: bool
    scores: Mapping[bytes, float] | None = None


class Aspect(StrEnum):
    """In what two searches are compared."""

    CONTENT = "content"
    """The set of documents."""
    RANK = "rank"
    """Their order as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a comparison comes to.

    `aspect` is in what they differ, else the last that was compared; None where nothing was. Of documents that one path alone finds,
    those are named by their keys that no rule explains. `swapped` is the share of pairs that stand the other way round.
    """

    judgement: Judgement
    aspect: Aspect | None = None
    engine_alone: tuple[bytes, ...] = ()
    database_alone: tuple[bytes, ...] = ()
    swapped: float = 0.0


def compare(words: str, engine: Results, database: Results, *, rank_tolerance: float) -> Compared:
    """Return the verdict; `rank_tolerance` is the share of pairs that may stand the other way round."""
    if not (engine.is_complete and database.is_complete):
        reason = "more is found than is compared"
        return Compared(judgement=Judgement(verdict=Verdict.NOT_COMPARABLE, reason=reason))
    rules, by_engine, by_database = _by_content(words, engine, database)
    if by_engine or by_database:
        side = "engine" if by_engine else "database"
        return Compared(
            judgement=_mismatch(f"only the {side} finds a document"),
            aspect=Aspect.CONTENT,
            engine_alone=by_engine,
            database_alone=by_database,
        )
    if engine.scores is None or database.scores is None:
        return Compared(judgement=_agreed(rules), aspect=Aspect.CONTENT)
    share = swapped(engine.scores, database.scores)
    judgement = (
        _mismatch("the rankings differ")
        if share > rank_tolerance
        else _agreed(rules | ({RANK} if share else set()))
    )
    return Compared(judgement=judgement, aspect=Aspect.RANK, swapped=share)


def _by_content(
    words: str, engine: Results, database: Results
) -> tuple[set[str], tuple[bytes, ...], tuple[bytes, ...]]:
    """Return the rules that explain what one path alone finds, and what of each path's they do not."""
    rules, by_engine, by_database = set(), [], []
    for key, text in engine.texts.items():
        if key in database.texts:
            continue
        if contained(words, text) or not tolerated(words, text):
            by_engine.append(key)
        else:
            rules.add(TOLERANCE)
    for key, text in database.texts.items():
        if key in engine.texts:
            continue
        if spelled(words, text):
            by_database.append(key)
        else:
            rules.add(INSIDE)
    return rules, tuple(by_engine), tuple(by_database)


def _agreed(rules: AbstractSet[str]) -> Judgement:
    if rules:
        return Judgement(verdict=Verdict.MATCH_BY_RULE, rules=tuple(sorted(rules)))
    return Judgement(verdict=Verdict.MATCH)


def contained(words: str, text: str) -> bool:
    """Return whether a database finds the words: each somewhere in the text, in any case."""
    return all(word.lower() in text.lower() for word in words.split())


def spelled(words: str, text: str) -> bool:
    """Return whether an engine must find the words: each as a word of the text, the last one as its beginning."""
    wanted, known = _words(words), _words(text)
    return set(wanted[:-1]) <= set(known) and any(
        word.startswith(last) for last in wanted[-1:] for word in known
    )


def tolerated(words: str, text: str) -> bool:
    """Return whether an engine may find the words: each with as many typing errors as its length allows."""
    known = _words(text)
    return all(any(_is_near(wanted, word) for word in known) for wanted in _words(words))


def swapped(one: Mapping[bytes, float], other: Mapping[bytes, float]) -> float:
    """Return the share of pairs that two rankings have the other way round, of those that both tell apart."""
    both = [key for key in one if key in other]
    pairs = differing = 0
    for first, second in combinations(both, 2):
        ahead, also = one[first] - one[second], other[first] - other[second]
        if ahead and also:
            pairs += 1
            differing += (ahead > 0) != (also > 0)
    return differing / pairs if pairs else 0.0


def _mismatch(reason: str) -> Judgement:
    return Judgement(verdict=Verdict.MISMATCH, reason=reason)


def _words(text: str) -> Sequence[str]:
    """Return the words of a text as an engine has them: without case and accents."""
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", text)
        if not unicodedata.combining(letter)
    )
    return _WORD.findall(plain.casefold())


def _is_near(wanted: str, word: str) -> bool:
    if word.startswith(wanted):
        return True
    allowed = (len(wanted) >= _ONE_TYPO) + (len(wanted) >= _TWO_TYPOS)
    lengths = range(len(wanted) - allowed, len(wanted) + allowed + 1)
    return bool(allowed) and any(_distance(wanted, word[:length]) <= allowed for length in lengths)


def _distance(one: str, other: str) -> int:
    """Return how many letters are wrong, missing, too many, or swapped with their neighbour."""
    before_last: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        row = [i]
        for j, also in enumerate(other, start=1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != also))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == also:
                best = min(best, before_last[j - 2] + 1)
            row.append(best)
        before_last, last = last, row
    return last[-1]
