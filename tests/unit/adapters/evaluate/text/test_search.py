"""The reading of a search, as `explain` of a server 6.0 tells it, and what it finds."""

from typing import Any

import pytest

from adapters.evaluate.match import matcher
from adapters.evaluate.text.search import read_search
from adapters.query.filter import over_index, parse_query
from adapters.query.text_index import text_index_of
from comparators.errors import UnsupportedError

READ: tuple[tuple[str, str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ('x -"a.b "c', "x", "c", (), ("a.b ",)),
    ('x -"a.b"c', "x", "c", (), ("a.b",)),
    ('x -"a.b" c', "c x", "", (), ("a.b",)),
    ('x -"a b', "x", "", (), ()),
    ('x -"a b" "c d" e', "c d e x", "", ("c d",), ("a b",)),
    ('x -y"a b"z w', "w x", "y z", (), ("a b",)),
    ('x -y"a"z-w q', "q x", "w y z", (), ("a",)),
    ("-a", "", "a", (), ()),
    ("- a", "a", "", (), ()),
    ("x - a", "a x", "", (), ()),
    ("x-a", "a x", "", (), ()),
    ("x --a", "x", "a", (), ()),
    ("x - -a b", "b x", "a", (), ()),
    ("x -a-b", "x", "a b", (), ()),
    ('x "-a" b', "a b x", "", ("-a",), ()),
    ('x -"a b"-c d', "d x", "c", (), ("a b",)),
    ('"a b"-c d', "a b c d", "", ("a b",), ()),
    ('"a b" -c d', "a b d", "c", ("a b",), ()),
    ('x -a"b c', "x", "a", (), ()),
    ('x"a', "a x", "", (), ()),
    ('x -"" y', "x y", "", (), ("",)),
    ('x -"a" b', "b x", "", (), ("a",)),
    ('x -"a"b', "x", "b", (), ("a",)),
    ('x " -a" b c', "a b c x", "", (" -a",), ()),
    ('x -" a" b', "b x", "", (), (" a",)),
    ('x -y "z w"', "w x z", "y", ("z w",), ()),
    ('x -y" z"w', "x", "w y", (), (" z",)),
    ('x -" "y', "x", "y", (), (" ",)),
    ('x -"y "z', "x", "z", (), ("y ",)),
)


@pytest.mark.parametrize(("text", "wanted", "unwanted", "phrases", "unwanted_phrases"), READ)
def test_a_search_is_read_as_the_server_reads_it(
    text: str,
    wanted: str,
    unwanted: str,
    phrases: tuple[str, ...],
    unwanted_phrases: tuple[str, ...],
) -> None:
    search = read_search(text)

    assert sorted(search.wanted.split()) == wanted.split()
    assert sorted(search.unwanted.split()) == unwanted.split()
    assert search.phrases == phrases
    assert search.unwanted_phrases == unwanted_phrases


def found(document: dict[str, Any], search: str, key: dict[str, Any] | None = None) -> bool:
    index = text_index_of({"key": key or {"a": "text"}})
    return matcher(over_index(parse_query({"$text": {"$search": search}}), index))(document)


@pytest.mark.parametrize("search", ["run", "RUNS", "runnin\u0301g", "none running", '"s runn"'])
def test_words_are_found_by_their_stems(search: str) -> None:
    assert found({"a": "It's running"}, f"run {search}")


@pytest.mark.parametrize("search", ["", "the", "-other", '"', "running -run", 'running "x"'])
def test_nothing_is_found_by_stop_words_negations_and_phrases_alone(search: str) -> None:
    assert not found({"a": "It's the running"}, search)


def test_a_word_of_another_field_is_not_found() -> None:
    assert not found({"b": "running"}, "running")
    assert found({"b": ["running"]}, "running", {"$**": "text"})


def test_a_character_that_was_not_compared_is_refused() -> None:
    with pytest.raises(UnsupportedError):
        found({"a": "\u0928\u092e"}, "running")
