"""The support page says what the tables of the code say, and each refusal it lists really comes, under its name."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import pytest
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128

from adapters.evaluate.expressions import EXPRESSIONS, LAZY, Variables, evaluator
from adapters.evaluate.patterns import compiled
from adapters.evaluate.pcre import FORWARD, UNSUPPORTED_ESCAPES
from adapters.evaluate.pipeline import run_pipeline
from adapters.evaluate.text.characters import FOLDED
from adapters.gateway import Generated
from adapters.operations import options
from adapters.operations.bindings import checked_constants, values_of_let
from adapters.operations.catalog import Collection
from adapters.operations.collating import order_of_values
from adapters.operations.collections import changed_index
from adapters.operations.hints import check_hint, held_by
from adapters.operations.indexes import SPECIAL, index_of
from adapters.operations.running import READS, WRITES, run_read
from adapters.operations.searching import searching
from adapters.operations.special import KINDS, check_options
from adapters.operations.storing import check_identified
from adapters.operations.validation import check_validator
from adapters.postgresql.catalog import PostgresCatalog
from adapters.postgresql.connections import Connections
from adapters.postgresql.document_storage import document_storage
from adapters.postgresql.layouts import Layouts
from adapters.postgresql.session import PostgresSession
from adapters.query.expression import parse_expression
from adapters.query.expression.forms import FORMS
from adapters.query.expression.parse import BUILT_IN, UNAVAILABLE
from adapters.query.expression.signatures import SIGNATURES
from adapters.query.expression.signatures import UNSUPPORTED as UNSUPPORTED_EXPRESSIONS
from adapters.query.filter import parse_filter, parse_query
from adapters.query.filter.operands import OPERATORS, UNSUPPORTED_OPERATORS
from adapters.query.filter.parse import (
    COMPOUND,
    CONSTANTS,
    LOGICAL,
    UNSUPPORTED_CLAUSES,
    VALUE_OPERATORS,
)
from adapters.query.pipeline import parse_pipeline
from adapters.query.pipeline.grouping import COUNTED, SIMPLE, SORTED
from adapters.query.pipeline.grouping import UNSUPPORTED as UNSUPPORTED_ACCUMULATORS
from adapters.query.pipeline.parse import OF_SERVERS, STAGES, UNSUPPORTED_STAGES, UPDATE_STAGES
from adapters.query.pipeline.windows import ACCUMULATED, CURVES, FILLS, RANKS
from adapters.query.projection import parse_projection
from adapters.query.sort import parse_sort
from adapters.query.text_index import language_of
from adapters.query.update.operators import OPERATORS as UPDATE_OPERATORS
from adapters.query.update.push import MODIFIERS
from comparators.collation import UNPROVEN_LOCALES, Collation, order_under
from comparators.errors import UnknowableError, UnsupportedError
from comparators.operation import Kind, Operation
from comparators.order import SIMPLE as SIMPLE_ORDER
from comparators.order import ValueOrder

ROOT: Final = Path(__file__).parents[3]
PAGE: Final = ROOT / "docs" / "support.md"
QUOTED: Final = re.compile(r"`([^`]+)`")
REFUSALS: Final = "| `unsupported` names | when |"
UNKNOWABLE: Final = "Not comparable"
CALLED: Final = frozenset({"unknowable", "unsupported"})

Example = Callable[[], Any]


def _sections() -> dict[str, str]:
    _before, *parts = re.split(r"^##+ (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _listed(section: str) -> set[str]:
    """Return the names in the paragraphs of a section that are lists of names."""
    paragraphs = _sections()[section].split("\n\n")
    lists = [each for each in paragraphs if each.strip().startswith("`")]
    return {name for each in lists for name in QUOTED.findall(each)}


def _in_line(section: str, beginning: str) -> set[str]:
    """Return the names behind the beginning of a line."""
    [line] = [each for each in _sections()[section].splitlines() if each.startswith(beginning)]
    return set(QUOTED.findall(line[len(beginning) :]))


def _refused(section: str) -> set[str]:
    """Return the names in the first column of a section's table of refusals."""
    _before, _header, table = _sections()[section].partition(REFUSALS)
    rows = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| ")]
    return {name for row in rows for name in QUOTED.findall(row)}


def _options_by_command() -> dict[str, set[str]]:
    table, _header, _refusals = _sections()["Commands"].partition(REFUSALS)
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    return {QUOTED.findall(name)[0]: set(QUOTED.findall(heeded)) for name, heeded in rows}


APART: Final = ("$expr", "$comment", "$jsonSchema", "$sampleRate", "$text")
"""Operators of filters that are parsed by name."""
LISTED: Final[Mapping[str, frozenset[str] | set[str]]] = {
    "Filters": {*OPERATORS, *COMPOUND, *LOGICAL, *CONSTANTS, *VALUE_OPERATORS, *APART},
    "Projections": {"$elemMatch", "$slice"},
    "Updates": {*UPDATE_OPERATORS, "$rename"},
    "Aggregation stages": set(STAGES),
    "Window operators": {
        *ACCUMULATED,
        *COUNTED,
        *SORTED,
        *RANKS,
        *FILLS,
        *CURVES,
        "$count",
        "$expMovingAvg",
        "$shift",
    },
    "Accumulators": SIMPLE | COUNTED | SORTED | {"$count"},
    "Expressions": {*EXPRESSIONS, *LAZY, *FORMS} - {"$rand"},
    "Indexes": SPECIAL,
}


@pytest.mark.parametrize("section", LISTED)
def test_a_section_lists_what_the_code_covers(section: str) -> None:
    assert _listed(section) == LISTED[section]


def test_each_command_is_listed_with_its_options() -> None:
    assert _options_by_command() == {name: set(heeded) for name, heeded in options.HEEDED.items()}
    assert _listed("Commands") == options.WITHOUT_EFFECT


def test_the_commands_are_those_that_the_gateway_runs() -> None:
    run = {*READS, *WRITES}
    commands = {name for name in options.HEEDED if not name.endswith(" statement")}

    assert {name.replace("_", "") for name in run} == {name.lower() for name in commands}


def test_what_stands_in_a_sentence_is_what_the_code_covers() -> None:
    assert _in_line("Updates", "Modifiers of `$push`:") == MODIFIERS
    before, _and, _paths = _sections()["Updates"].partition(", and operators")
    assert set(QUOTED.findall(before)) == UPDATE_STAGES
    variables = _in_line("Expressions", "Variables:") - {"let"}
    assert variables == {f"$${name}" for name in BUILT_IN}


def _session(**operation: Any) -> PostgresSession:
    """Return a session of an operation that is refused before anything is asked of a server."""
    given = {"database": "d", "collection": "c", "kind": Kind.FIND, "arguments": {}, **operation}
    return PostgresSession(
        connection=cast("Any", None),
        catalog=PostgresCatalog(Layouts(Connections("postgresql://127.0.0.1", limit=1)), {}),
        operation=Operation(**given),
        generated=Generated(now_ms=0),
    )


def _command(name: str) -> Example:
    return lambda: run_read(_session(kind=Kind.OTHER, arguments={name: 1}))


def _option(command: str, name: str) -> Example:
    return lambda: options.check(command, {name: True})


def _index_made_unique(option: str) -> Example:
    index = index_of({"v": 2, "key": {"a": 1}, "name": "a_1"})
    wanted = {"name": "a_1", option: True}
    return lambda: changed_index(
        Collection(storage=document_storage("d", "c"), indexes=(index,)), wanted
    )


def _sorted_in(locale: str, text: str = "a") -> Example:
    return lambda: order_of_values({"locale": locale}, None).key(text)


def _hint(look: Callable[[PostgresSession, Any], Any], specification: dict[str, Any]) -> Example:
    session = _session()
    session.catalog._collections["d", "c"] = Collection(
        storage=document_storage("d", "c"), indexes=(index_of(specification),)
    )
    return lambda: look(session, "i")


def _searched(
    *specifications: Mapping[str, Any], order: ValueOrder = SIMPLE_ORDER, **arguments: Any
) -> Example:
    session = _session(arguments=arguments)
    session.catalog._collections["d", "c"] = Collection(
        storage=document_storage("d", "c"), indexes=tuple(map(index_of, specifications))
    )
    return lambda: searching(parse_query(SEARCH), session, order)


def _pattern(source: str) -> Example:
    return lambda: compiled(source, 0)


def _filtered(query: dict[str, Any]) -> Example:
    return lambda: parse_filter(query)


def _piped(*stages: dict[str, Any]) -> Example:
    documents: list[dict[str, Any]] = [
        {"_id": 1, "a": [2, 3]},
        {"_id": 2, "a": 1},
        {"_id": 3, "a": 1},
    ]
    return lambda: list(
        run_pipeline(parse_pipeline(list(stages)), documents, sources={"c": documents}, now_ms=0)
    )


def _value(expression: Any) -> Example:
    return lambda: evaluator(parse_expression(expression))(Variables(root={}, current={}, now_ms=0))


def _special(option: str) -> Example:
    return lambda: check_options({option: True}, where="a.b")


def _join(**arguments: Any) -> dict[str, Any]:
    return {"$lookup": {"as": "x", **arguments}}


def _window(item: dict[str, Any]) -> Example:
    return _piped({"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"x": item}}})


SLIDING: Final = {"window": {"documents": [-1, 0]}}
ONE: Final = Decimal128("1")
OF_A_DECIMAL: Final = (
    "$acos $acosh $asin $asinh $atan $atanh $cos $cosh $exp $ln $log10 $sin $sinh $tan $tanh"
).split()
OF_FIND: Final = "returnKey showRecordId tailable awaitData".split()
OF_CREATE: Final = "size expireAfterSeconds encryptedFields".split()
OF_COLL_MOD: Final = "cappedSize expireAfterSeconds viewOn".split()
COMMANDS: Final = "mapReduce bulkWrite geoSearch".split()

SEARCH: Final[Mapping[str, Any]] = {"$text": {"$search": "a"}}
WORDS: Final[Mapping[str, Any]] = {"v": 2, "key": {"a": "text"}, "name": "t"}

REFUSED: Final[Mapping[str, Mapping[str, tuple[Example, ...]]]] = {
    "Commands": {
        **{f"command {name}": (_command(name),) for name in COMMANDS},
        **{f"option {name}": (_option("find", name),) for name in OF_FIND},
        **{f"option {name}": (_option("create", name),) for name in OF_CREATE},
        **{f"option {name}": (_option("collMod", name),) for name in OF_COLL_MOD},
        **{word: (_special(option),) for option, word in KINDS.items()},
        "option index.unique": (_index_made_unique("unique"),),
        "option index.prepareUnique": (_index_made_unique("prepareUnique"),),
        "$$NOW in a validator": (lambda: check_validator({"$expr": "$$NOW"}),),
        "option hint": (
            _hint(check_hint, {"v": 2, "key": {"a": 1}, "name": "i", "sparse": True}),
            _hint(held_by, {"v": 2, "key": {"a": "text"}, "name": "i"}),
        ),
    },
    "Collations": {
        **{f"collation in {locale}": (_sorted_in(locale),) for locale in UNPROVEN_LOCALES},
        "collation in de@collation=search": (_sorted_in("de@collation=search"),),
        "collation of rare characters": (_sorted_in("en", "\u4e2d"), _sorted_in("en", "\u20a8")),
    },
    "Filters": {
        **{name: (_filtered({"a": {name: 1}}),) for name in UNSUPPORTED_OPERATORS},
        **{name: (_filtered({name: 1}),) for name in UNSUPPORTED_CLAUSES},
        "$jsonSchema with encrypt": (_filtered({"$jsonSchema": {"encrypt": {}}}),),
    },
    "Text search": {
        "$text in french": (lambda: language_of("fr"), _searched({**WORDS, "default_language": "french"})),
        "$text over rare characters": (lambda: "\u0345".translate(FOLDED),),
        "$text under a collation": (_searched(WORDS, order=order_under(Collation(locale="de"))),),
        "$text beside a hint": (_searched(WORDS, deletes=[{"q": SEARCH, "hint": "_id_"}]),),
        "$text with partialFilterExpression": (_searched({**WORDS, "partialFilterExpression": {"a": 1}}),),
        "$text with textIndexVersion": (_searched({**WORDS, "textIndexVersion": 2}),),
        "$text with a wildcard below a path": (_searched({**WORDS, "key": {"a.$**": "text"}}),),
        "$text with two text indexes": (_searched(WORDS, {**WORDS, "name": "u"}),),
    },
    "Regular expressions": {
        **{
            rf"$regex with \{letter}": (_pattern(rf"[\{letter}]"), _pattern(rf"a\{letter}"))
            for letter in UNSUPPORTED_ESCAPES
        },
        r"$regex with [a-\Q": (_pattern(r"[a-\Qc\E]"),),
        r"$regex with \g<": (_pattern(r"(a)\g<1>"),),
        FORWARD: (_pattern(r"(a\1)"), _pattern(r"\k<x>(?<x>a)")),
        "$regex with a repeated look around": (_pattern("(?=a)*b"),),
        "$regex with (*…)": (_pattern("(*COMMIT)a"),),
        "$regex with (?R": (_pattern("a(?R)"),),
        "$regex with (?1": (_pattern("(a)(?1)"),),
        "$regex with (?&": (_pattern("(?<x>a)(?&x)"),),
        "$regex with (?(": (_pattern("(?(?=a)b|c)"), _pattern("(?(R)a|b)")),
    },
    "Sorts": {
        "$natural": (lambda: parse_sort({"$natural": 1}),),
        "$meta": (lambda: parse_sort({"a": {"$meta": "textScore"}}),),
    },
    "Projections": {"$meta": (lambda: parse_projection({"a": {"$meta": "textScore"}}),)},
    "Aggregation stages": {
        **{name: (_piped({name: {}}),) for name in UNSUPPORTED_STAGES},
        "$densify by a field below another": (
            _piped(
                {
                    "$densify": {
                        "field": "v",
                        "partitionByFields": ["a", "a.b"],
                        "range": {"step": 1, "bounds": "full"},
                    }
                }
            ),
        ),
        "$merge that makes up an _id": (lambda: check_identified([{}], "$merge", "d.c"),),
        "$out that makes up an _id": (lambda: check_identified([{}], "$out", "d.c"),),
        "$lookup from another database": (
            _piped(
                _join(
                    **{"from": {"db": "local", "coll": "oplog.rs"}},
                    localField="a",
                    foreignField="a",
                )
            ),
        ),
    },
    "Window operators": {
        "$expMovingAvg of a decimal": (
            _window({"$expMovingAvg": {"input": ONE, "N": 2}}),
            _window({"$expMovingAvg": {"input": 1, "alpha": Decimal128("0.5")}}),
        ),
        "$linearFill of a date": (
            _window({"$linearFill": DatetimeMS(0)}),
        ),
        "a curve of decimals": (_window({"$integral": {"input": ONE}}),),
        "a window bounded by decimals": (_window({"$sum": 1, "window": {"range": [ONE, ONE]}}),),
    },
    "Accumulators": {
        **{
            name: (_piped({"$group": {"_id": 1, "x": {name: {}}}}),)
            for name in UNSUPPORTED_ACCUMULATORS
        },
    },
    "Expressions": {
        **{name: (_value({name: 1}),) for name in UNSUPPORTED_EXPRESSIONS},
        **{f"$${name}": (_value(f"$${name}"),) for name in UNAVAILABLE},
        "$$CURRENT in let": (
            _piped(_join(**{"from": "a"}, let={"CURRENT": 1}, pipeline=[])),
            lambda: values_of_let({"CURRENT": 1}, {}, SIMPLE_ORDER),
            lambda: checked_constants({"CURRENT": 1}),
        ),
        **{f"{name} of a decimal": (_value({name: ONE}),) for name in OF_A_DECIMAL},
        "$log of a decimal": (_value({"$log": [ONE, 2]}), _value({"$log": [2, Decimal128("2")]})),
        "$pow of a decimal": (_value({"$pow": [2, ONE]}),),
        "$atan2 of a decimal": (_value({"$atan2": [1, ONE]}),),
        "date string that counts from a date": (_value({"$toDate": "2020-01-01 +1 day"}),),
        "date string with a year of more than 15 digits": (
            _value({"$toDate": "+1234567890123456-01-01"}),
        ),
        "$range beyond a million numbers": (_value({"$range": [0, 2_000_000]}),),
        "$zip with a missing default": (
            _value(
                {"$zip": {"inputs": [[1], []], "useLongestLength": True, "defaults": [1, "$$REMOVE"]}}
            ),
        ),
    },
}  # fmt: skip


NOT_COMPARABLE: Final[Mapping[str, Example]] = {
    **{name: _piped({name: {}}) for name in OF_SERVERS},
    "$rand": _value({"$rand": {}}),
    "$sampleRate": _filtered({"$sampleRate": 0.5}),
    "command explain": _command("explain"),
    "option explain": _option("aggregate", "explain"),
}


async def _answer(example: Example) -> Any:
    answer = example()
    return await answer if inspect.isawaitable(answer) else answer


@pytest.mark.parametrize("section", REFUSED)
def test_a_section_lists_what_is_refused(section: str) -> None:
    assert _refused(section) == set(REFUSED[section])


def test_no_other_section_refuses_anything() -> None:
    assert {name for name in _sections() if _refused(name)} == set(REFUSED)


@pytest.mark.parametrize(
    ("name", "example"),
    [
        pytest.param(name, example, id=f"{section}: {name}")
        for section, refused in REFUSED.items()
        for name, examples in sorted(refused.items())
        for example in examples
    ],
)
async def test_what_is_listed_as_unsupported_is_refused_by_that_name(
    name: str, example: Example
) -> None:
    with pytest.raises(UnsupportedError) as refused:
        await _answer(example)

    assert refused.value.what == name


def _unknowable() -> set[str]:
    _before, _header, table = _sections()[UNKNOWABLE].partition("|---|---|")
    rows = [line.split(" | ")[0] for line in table.splitlines()]
    return {name for row in rows for name in QUOTED.findall(row)}


@pytest.mark.parametrize("name", sorted(NOT_COMPARABLE))
async def test_what_no_two_servers_answer_alike_is_listed_and_named(name: str) -> None:
    with pytest.raises(UnknowableError) as refused:
        await _answer(NOT_COMPARABLE[name])

    assert refused.value.what == name
    assert _unknowable() == set(NOT_COMPARABLE)


def test_operators_that_are_parsed_but_not_evaluated_are_listed_as_refused() -> None:
    assert set(SIGNATURES) - {*EXPRESSIONS, *LAZY} <= _refused("Expressions")


def _refusals_in_code() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Give the name of each refusal that is written out in the code, with the place where it stands."""
    for file in sorted((ROOT / "adapters").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if not called or cast("Any", node).func.id not in CALLED:
                continue
            name = cast("ast.Call", node).args[0]
            if isinstance(name, ast.Constant):
                yield f"{file.name}:{name.lineno}", re.compile(re.escape(str(name.value)))
            elif isinstance(name, ast.JoinedStr):
                parts = [
                    re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+"
                    for part in name.values
                ]
                yield f"{file.name}:{name.lineno}", re.compile("".join(parts))


def test_each_refusal_in_the_code_is_listed() -> None:
    listed = _unknowable().union(*map(_refused, REFUSED))
    found = dict(_refusals_in_code())

    assert found
    assert [
        f"{place}: {name.pattern}"
        for place, name in found.items()
        if not any(name.fullmatch(each) for each in listed)
    ] == []
