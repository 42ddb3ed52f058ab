"""Every expression case, in the residual evaluator alone; tests/differential asks the server too."""

import math
import struct
from typing import Any

import pytest

from adapters.evaluate.expressions import Variables, evaluator
from adapters.query.expression import parse_expression
from tests.cases.reading import case_files, read_cases
from tests.differential.answers import Answer, evaluated, expected


@pytest.mark.parametrize("family", case_files("expressions"))
def test_expressions_give_what_the_server_gives(family: str) -> None:
    wrong: list[tuple[Any, Answer]] = []
    for case in read_cases("expressions", family):
        answer = evaluated(case["expression"], {"_id": 1})
        if answer != expected(case):
            wrong.append((case, answer))

    assert wrong == []


def test_invalid_operation_gives_the_nan_of_x86() -> None:
    document = {"_id": 1}
    root = evaluator(parse_expression({"$pow": [-2, 0.5]}))

    value = root(Variables(root=document, current=document, now_ms=0))

    assert math.isnan(value)
    assert struct.pack("<d", value)[-1] == 0xFF
