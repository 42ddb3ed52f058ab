"""Variables that a command binds: `let`, and the constants `c` of a statement of an update."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bson.timestamp import Timestamp

from comparators.operation import Kind
from tests.differential.twins import Twins, same

ON_A: Final = {"$expr": {"$eq": ["$a", 1]}}
LETS: Final[Sequence[Mapping[str, Any]]] = (
    *({name: 1} for name in ("NOW", "CLUSTER_TIME", "IS_MR", "JS_SCOPE")),
    *({name: 1} for name in ("ROOT", "REMOVE", "SEARCH_META", "X", "_x", "1", "", "x.y", "é")),
    {"NOW": "$a"},
    {"NOW": 1, "x": {"$foo": 1}},
    {"x": {"$foo": 1}, "NOW": 1},
    {"X": 1, "NOW": 1},
    {"x": "$a"},
    {"x": "$$NOW", "y": "$$x"},
    {"x": "$$y"},
    {"x": {"$toInt": "x"}},
)
SETS_Z: Final = [{"$set": {"z": "$$x"}}]
CONSTANTS: Final[Sequence[Mapping[str, Any]]] = (
    {"u": SETS_Z, "c": {"x": 5}},
    {"u": SETS_Z, "c": {"x": {"$add": ["$a", 1]}}},
    {"u": SETS_Z, "c": {"x": Timestamp(0, 0), "X": 1}},
    {"u": SETS_Z, "c": {}},
    {"u": SETS_Z, "c": None},
    *({"u": SETS_Z, "c": {name: 1}} for name in ("NOW", "ROOT", "", "1", "x.y", "é")),
    {"u": {"$set": {"z": 1}}, "c": {"x": 1}},
    {"u": {"z": 1}, "c": {}},
    {"u": [{"$foo": 1}], "c": {"NOW": 1}},
    {"q": {"$expr": {"$eq": ["$$x", 1]}}, "u": SETS_Z, "c": {"x": 1}},
)


def commands(let: Mapping[str, Any]) -> Iterator[tuple[Kind, Mapping[str, Any]]]:
    """Yield a command of each kind that takes `let`, and some that meet another mistake before."""
    yield Kind.FIND, {"filter": ON_A, "let": let}
    yield Kind.FIND, {"filter": {"$foo": 1}, "let": let}
    yield Kind.AGGREGATE, {"pipeline": [{"$match": ON_A}], "let": let}
    yield Kind.AGGREGATE, {"pipeline": [{"$foo": 1}], "let": let}
    joined = {"from": "others", "let": let, "pipeline": [], "as": "z"}
    yield Kind.AGGREGATE, {"pipeline": [{"$lookup": joined}]}
    yield Kind.UPDATE, {"updates": [{"q": ON_A, "u": {"$set": {"a": 1}}}], "let": let}
    yield Kind.DELETE, {"deletes": [{"q": {"a": 7}, "limit": 0}], "let": let}
    yield Kind.FIND_AND_MODIFY, {"query": ON_A, "update": {"$set": {"a": 1}}, "let": let}


async def test_let_may_not_bind_what_the_server_does(twins: Twins) -> None:
    await twins.run(Kind.INSERT, documents=[{"_id": 0, "a": 1}])

    for let in LETS:
        for kind, arguments in commands(let):
            legacy, gateway = await twins.run(kind, **arguments)
            assert not isinstance(gateway, str)
            assert same(kind, arguments, legacy, gateway), (kind, arguments, legacy, gateway)


async def test_constants_of_an_update_hide_variables_of_let(twins: Twins) -> None:
    for statement in CONSTANTS:
        for let in ({}, {"let": {"x": 9}}):
            await twins.run(Kind.DELETE, deletes=[{"q": {}, "limit": 0}])
            await twins.run(Kind.INSERT, documents=[{"_id": 0, "a": 1}])
            for query in ({}, {"q": {"_id": 77}, "upsert": True}):
                updates = [{"q": {"_id": 0}, **statement, **query}]
                legacy, gateway = await twins.run(Kind.UPDATE, updates=updates, **let)
                assert gateway == legacy, (updates, let)
            states = await twins.documents()
            assert states[0] == states[1], (statement, let)


async def test_no_path_begins_anew(twins: Twins) -> None:
    for kind, arguments in commands({"CURRENT": {"a": 2}}):
        if "$foo" not in repr(arguments):
            assert await twins.ask(kind, arguments) == "$$CURRENT in let"
    constant = {"q": {}, "u": SETS_Z, "c": {"CURRENT": 1}}
    assert await twins.ask(Kind.UPDATE, {"updates": [constant]}) == "$$CURRENT in let"
