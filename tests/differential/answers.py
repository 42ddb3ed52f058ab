"""Answers of both sides in one comparable form: exact bytes, or the code of a refusal."""

from collections.abc import Mapping, Sequence
from typing import Any

import bson
from pymongo.errors import OperationFailure
from pymongo.synchronous.database import Database

from adapters.evaluate.expressions import Variables, evaluator
from adapters.evaluate.pipeline import run_pipeline
from adapters.query.expression import parse_expression
from adapters.query.failures import CommandFailure
from adapters.query.pipeline import collections_of, parse_pipeline
from comparators.canonical import CODEC, MISSING

Answer = tuple[bytes, ...] | int
"""The documents as raw BSON, or a code."""
Documents = Sequence[dict[str, Any]]

VALUE = "value"
NOW_MS = 0


def expected(case: Mapping[str, Any]) -> Answer:
    """Return the answer that a case claims."""
    if "code" in case:
        return int(case["code"])
    if "result" in case:
        return _raw(case["result"])
    return _raw([{} if case.get("missing") else {VALUE: case[VALUE]}])


def holds(case: Mapping[str, Any], answer: Answer) -> bool:
    """Return whether an answer is the one a case claims; arrays named in `sets` have no order."""
    return _without_order(case, answer) == _without_order(case, expected(case))


def evaluated(expression: Any, document: dict[str, Any]) -> Answer:
    """Return the residual evaluator's answer to an expression; UnsupportedError passes."""
    try:
        evaluate = evaluator(parse_expression(expression))
        value = evaluate(Variables(root=document, current=document, now_ms=NOW_MS))
    except CommandFailure as refused:
        return refused.code
    return _raw([{} if value is MISSING else {VALUE: value}])


def evaluated_by_server(
    database: Database[Any], expression: Any, document: dict[str, Any]
) -> Answer:
    pipeline: list[dict[str, Any]] = [
        {"$documents": [document]},
        {"$replaceWith": {VALUE: expression}},
    ]
    return _answered(lambda: list(database.aggregate(pipeline)))


def piped(pipeline: list[Any], documents: Documents, others: Mapping[str, Documents]) -> Answer:
    """Return the residual evaluator's answer to a pipeline; UnsupportedError passes."""
    try:
        stages = parse_pipeline(pipeline)
        sources = {name: others.get(name, []) for name in collections_of(stages)}
        return _raw(list(run_pipeline(stages, documents, sources=sources, now_ms=NOW_MS)))
    except CommandFailure as refused:
        return refused.code


def piped_by_server(database: Database[Any], collection: str, pipeline: list[Any]) -> Answer:
    return _answered(lambda: list(database[collection].aggregate(pipeline)))


def _answered(run: Any) -> Answer:
    try:
        return _raw(run())
    except OperationFailure as refused:
        return refused.code or 0


def _without_order(case: Mapping[str, Any], answer: Answer) -> Answer:
    if isinstance(answer, int) or "sets" not in case:
        return answer
    documents = [bson.decode(raw, codec_options=CODEC) for raw in answer]
    for document in documents:
        for name in case["sets"]:
            document[name].sort(key=lambda item: bson.encode({"": item}, codec_options=CODEC))
    return _raw(documents)


def _raw(documents: Documents) -> tuple[bytes, ...]:
    return tuple(bson.encode(document, codec_options=CODEC) for document in documents)
