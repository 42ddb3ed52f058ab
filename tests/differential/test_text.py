"""`$text` on both sides: random texts and searches, and what no search may be."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from comparators.canonical import decode
from comparators.operation import Kind
from comparators.outcome import Documents, Failure
from tests.differential.test_gateway import (
    Step,
    delete,
    find,
    index,
    insert,
    modify,
    twins,
    update,
)
from tests.differential.twins import Twins, same

__all__ = ["twins"]

WORDS: Sequence[str] = (
    *("run running runner Running RUNS ran the The not don't can't it's I a Café cafe CAFÉ naïve naive Ünder under").split(),
    *("jump jumps jumped generously generous skies dying happy happiness Straße strasse \u017fong song ÉTÉ été foo-bar").split(),
    *("foo bar baz's 'quoted' don\u2019t x_y 42 4.2 a.b istanbul Привет привет мир ёлка елка 東京 が か 😀 Ⅷ Σίσυφος").split(),
    *("o'neill e\u0301te\u0301 c^d c`d cd ·x µm μm").split(),
)  # fmt: skip
GAPS: Sequence[str] = (" ", " ", " ", ", ", "-", ".", "\n", "  ", "\u00a0", "…", "\u2014", "/", "")
MINUS: Sequence[str] = ("", "", "", "", " -", "- ", '"', '" ', ' "', ' -"', '-"', '"-')
INDEXES: Mapping[str, Step] = {
    "one field": index("t", {"a": "text"}),
    "nested fields": index("t", {"a": "text", "b.c": "text"}, weights={"a": 3}),
    "all fields": index("t", {"$**": "text"}),
    "without a language": index("t", {"a": "text", "b": "text"}, default_language="none"),
    "another override": index("t", {"a": "text"}, language_override="b"),
    "behind a key": index("t", {"k": 1, "a": "text", "n": 1}),
}


def text(chance: random.Random, gaps: Sequence[str]) -> str:
    parts = (chance.choice(gaps) + chance.choice(WORDS) for _ in range(chance.randint(0, 5)))
    return "".join(parts)


def value(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randint(0, 9 if depth < 3 else 5)
    if kind < 5:
        return text(chance, GAPS)
    if kind == 5:
        return chance.choice((5, None, True))
    if kind < 8:
        return [value(chance, depth + 1) for _ in range(chance.randint(0, 3))]
    return document(chance, depth + 1)


def document(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    names = chance.sample(("a", "b", "c", "language"), chance.randint(1, 4))
    made = {name: value(chance, depth) for name in names}
    if "language" in made:
        made["language"] = chance.choice(("english", "none", "EN"))
    return made


def search(chance: random.Random) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "$search": text(chance, (*GAPS, *MINUS, *MINUS)) + chance.choice(('"', "", ""))
    }
    for name in ("$caseSensitive", "$diacriticSensitive"):
        if chance.random() < 0.25:
            asked[name] = chance.random() < 0.8
    if chance.random() < 0.2:
        asked["$language"] = chance.choice(("none", "english", "en", ""))
    return {"$text": asked}


def identities(result: Any) -> Any:
    if not isinstance(result, Documents):
        return result.code if isinstance(result, Failure) else result
    return sorted(str(decode(raw)["_id"]) for raw in result.documents)


@pytest.mark.parametrize("name", INDEXES)
async def test_random_searches_find_the_same(
    twins: Twins, name: str, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(f"{request.config.getoption('--seed')} {name}")
    await twins.run(INDEXES[name][0], **INDEXES[name][1])
    for at in range(120):
        made = {"_id": at, "k": at % 3, **document(chance)}
        if name == "another override":
            made["b"] = chance.choice(("none", "en"))
        kind, arguments = insert(made)
        # MongoDB refuses a document whose language it does not know.
        await twins.run(kind, **arguments)
    found = 0
    for at in range(120):
        query = search(chance)
        if name == "behind a key" and at % 4:
            query["k"] = at % 3
        legacy, gateway = await twins.run(Kind.FIND, filter=query)
        assert identities(gateway) == identities(legacy), query
        found += bool(identities(legacy))
    assert found > 20


TEXT: Mapping[str, Any] = {"$text": {"$search": "foo"}}
WRONG: Sequence[Any] = (
    1, None, "s", [], {}, {"$search": 1}, {"$search": None}, {"$search": "foo", "$language": 1}, {"$language": "english"},
    {"$search": "foo", "$language": "klingon"}, {"$search": "foo", "$caseSensitive": 1}, {"$search": "foo", "x": 1},
    {"$search": "foo", "$diacriticSensitive": "x"}, {"$search": "foo", "$language": None},
)  # fmt: skip
BEFORE_THE_INDEX: Sequence[Mapping[str, Any]] = (
    {**TEXT, "$expr": {"$eq": ["$n", 3]}}, {"$expr": {"$eq": ["$n", 3]}, **TEXT}, {**TEXT, "$expr": {"$foo": 1}}, {**TEXT, "n": {"$foo": 1}},
    {"$and": [TEXT, {"$expr": True}]}, {"$text": {"$search": "foo", "$language": "klingon"}, "$expr": True},
)  # fmt: skip
EVERY: Sequence[Step] = (
    find({**TEXT}), find({"$and": [TEXT, {"n": 3}]}), find({"$and": [TEXT, TEXT]}), find({"$and": [{"$and": [TEXT]}]}),
    find({**TEXT}, hint={"_id": 1}), find({**TEXT}, sort={"$natural": 1}), find({**TEXT}, sort={"n": 1}, limit=1),
    find({**TEXT, "n": 1}, projection={"n.$": 1}), find({**TEXT}, projection={"a": 1}), find({**TEXT}, projection={"n": 0}),
    *(find({"$text": each}) for each in WRONG),
    (Kind.COUNT, {"query": {**TEXT}}), (Kind.COUNT, {"query": {**TEXT}, "hint": {"_id": 1}}),
    (Kind.DISTINCT, {"key": "n", "query": {**TEXT}}),
    *((Kind.AGGREGATE, {"pipeline": [{"$match": {**TEXT}}, *rest]}) for rest in ([], [{"$match": {"n": 1}}], [{"$group": {"_id": None, "n": {"$sum": 1}}}], [{"$count": "c"}], [{"$sort": {"n": 1}}, {"$limit": 1}])),
    update({**TEXT, "n": 1}, {"$set": {"n.$": 5}}), update({**TEXT}, {"$set": {"m": 1}}, multi=True),
    modify({**TEXT, "n": 3}, update={"$set": {"m": 2}}, new=True), modify({**TEXT, "n": 3}, remove=True),
    update({"$text": {"$search": "zebra"}, "z": 1}, {"$set": {"y": 5}}, upsert=True),
    *(each for query in BEFORE_THE_INDEX for each in (find({**query}), update({**query}, {"$set": {"y": 5}}, upsert=True), modify({**query}, update={"y": 5}, upsert=True))),
    delete({**TEXT}, limit=0), find(),
)  # fmt: skip
STORED: Step = insert(
    {"_id": 1, "a": "foo bar", "n": [1, 2], "k": 1}, {"_id": 2, "a": "nothing", "n": 3}, {"_id": 3, "a": "foo", "n": 3}
)  # fmt: skip
SCRIPTS: Mapping[str, Sequence[Step]] = {
    "no collection": EVERY,
    "no index": (STORED, *EVERY),
    "an index": (STORED, index("t", {"a": "text"}), *EVERY),
    "an index behind a key": (
        STORED,
        index("t", {"k": 1, "a": "text", "s": 1}),
        *(find({**TEXT, **each}) for each in ({}, {"k": 1}, {"k": {"$eq": 1}}, {"k": {"$gt": 0}}, {"k": {"$in": [1]}}, {"k": {"$in": [1, 2]}}, {"$and": [{"k": 1}]}, {"k": None})),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
async def test_both_sides_answer_alike(twins: Twins, name: str) -> None:
    for kind, arguments in SCRIPTS[name]:
        legacy, gateway = await twins.run(kind, **arguments)
        if isinstance(legacy, Failure) or isinstance(gateway, Failure | str):
            assert identities(gateway) == identities(legacy), (kind, arguments)
        else:
            assert same(kind, arguments, legacy, gateway), (kind, arguments)


REFUSED: Mapping[str, Step] = {
    "$text": find({"$or": [TEXT, {"_id": 1}]}),
    "$text in french": find({"$text": {"$search": "foo", "$language": "french"}}),
    "$text under a collation": find({**TEXT}, collation={"locale": "de"}),
    "$text beside a hint": (Kind.DELETE, {"deletes": [{"q": TEXT, "limit": 0, "hint": {"_id": 1}}]}),
    "$meta": find({**TEXT}, projection={"s": {"$meta": "textScore"}}),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_not_covered_is_named(twins: Twins, name: str) -> None:
    await twins.run(STORED[0], **STORED[1])
    kind, arguments = index("t", {"a": "text"})
    await twins.run(kind, **arguments)

    kind, arguments = REFUSED[name]

    assert await twins.ask(kind, arguments) == name
