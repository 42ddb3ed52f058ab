"""What a comparison costs, against DeepDiff on the same pair: `python -m benchmarks.comparison --json out.json`.

DeepDiff is given decoded documents, as its callers would have them, and is not charged for the decoding.
Each figure is the median of several rounds that take turns, so that a busy machine slows both.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from timeit import timeit
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId
from deepdiff import DeepDiff
from rich.console import Console
from rich.table import Table

from comparators.canonical import decode, encode
from comparators.decision import decide
from comparators.operation import Kind, Operation
from comparators.outcome import Documents, Outcome
from comparators.rules import Rules
from comparators.verdict import Verdict

ROUNDS: Final = 9
ROUND_S: Final = 0.05
WANTED_RATIO: Final = 50.0
RULES: Final = Rules()

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Two results, and the verdict that is right."""

    name: str
    legacy: tuple[Document, ...]
    gateway: tuple[Document, ...]
    verdict: Verdict
    wanted_ratio: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Medians in microseconds; `ratio` says how many times faster Parallax is."""

    case: str
    bytes_compared: int
    parallax_us: float
    deepdiff_us: float
    ratio: float
    wanted_ratio: float | None


def document(number: int) -> Document:
    """Return a document of about 1 KB as an application stores one."""
    return {
        "_id": ObjectId(f"{number:024x}"),
        "user": ObjectId("64f0c1a2b3d4e5f6a7b8c9d0"),
        "title": f"Conversation {number}",
        "model": "large",
        "createdAt": DatetimeMS(1_700_000_000_000 + number),
        "updatedAt": DatetimeMS(1_700_000_100_000 + number),
        "tokens": 1234 + number,
        "temperature": 0.7,
        "isArchived": False,
        "tags": ["work", "draft", "shared"],
        "usage": {"prompt": 321, "completion": 654, "cost": 0.0123},
        "messages": [
            {"_id": ObjectId(f"{n:024x}"), "text": "All that glitters is not gold. " * 3, "at": n}
            for n in range(5)
        ],
        "__v": 3,
    }


def cases() -> list[Case]:
    one = document(1)
    twenty = tuple(document(n) for n in range(20))
    deep = decode(encode(one))
    deep["messages"][3]["text"] = "another text"
    changed = decode(encode(twenty[7])) | {"tokens": 0}
    return [
        Case(
            name="equal, one document",
            legacy=(one,),
            gateway=(one,),
            verdict=Verdict.MATCH,
            wanted_ratio=WANTED_RATIO,
        ),
        Case(name="equal, 20 documents", legacy=twenty, gateway=twenty, verdict=Verdict.MATCH),
        Case(
            name="equal but for their order, 20 documents",
            legacy=twenty,
            gateway=tuple(reversed(twenty)),
            verdict=Verdict.MATCH,
        ),
        Case(
            name="another value, one document",
            legacy=(one,),
            gateway=(one | {"tokens": 0},),
            verdict=Verdict.MISMATCH,
        ),
        Case(
            name="another value deep inside",
            legacy=(one,),
            gateway=(deep,),
            verdict=Verdict.MISMATCH,
        ),
        Case(
            name="one of 20 documents differs",
            legacy=twenty,
            gateway=(*twenty[:7], changed, *twenty[8:]),
            verdict=Verdict.MISMATCH,
        ),
    ]


def measured(case: Case) -> Figure:
    """Return the figure of one case; both sides must find what there is to find."""
    operation = Operation(database="app", collection="convos", kind=Kind.FIND, arguments={})
    sides = _documents(case.legacy), _documents(case.gateway)
    legacy, gateway = (Outcome(result=side, duration_s=0.0) for side in sides)
    left, right = map(_decoded, sides)
    # Without a sort, order does not count: DeepDiff is told so where it matters.
    ignores_order = case.verdict is Verdict.MATCH and left != right

    def parallax() -> Any:
        return decide(operation, legacy, gateway, RULES)

    def deepdiff() -> Any:
        return DeepDiff(left, right, ignore_order=ignores_order)

    assert parallax().verdict is case.verdict
    assert bool(deepdiff()) == (case.verdict is Verdict.MISMATCH)
    parallax_us, deepdiff_us = _medians_us(parallax, deepdiff)
    return Figure(
        case=case.name,
        bytes_compared=sum(map(len, sides[0].documents)),
        parallax_us=round(parallax_us, 3),
        deepdiff_us=round(deepdiff_us, 1),
        ratio=round(deepdiff_us / parallax_us, 1),
        wanted_ratio=case.wanted_ratio,
    )


def _documents(items: tuple[Document, ...]) -> Documents:
    # Encoded anew for each side: nothing is equal because it is the same object.
    return Documents(documents=tuple(map(encode, items)))


def _decoded(documents: Documents) -> Any:
    items = [decode(raw) for raw in documents.documents]
    return items[0] if len(items) == 1 else items


def _medians_us(*functions: Callable[[], Any]) -> list[float]:
    numbers = [max(1, int(ROUND_S / max(timeit(each, number=3) / 3, 1e-8))) for each in functions]
    rounds: list[list[float]] = [[] for _ in functions]
    for _ in range(ROUNDS):
        for samples, function, number in zip(rounds, functions, numbers, strict=True):
            samples.append(timeit(function, number=number) / number * 1e6)
    return [median(samples) for samples in rounds]


def table_of(figures: list[Figure]) -> Table:
    table = Table(title="Comparing two results (median, microseconds)")
    for heading in ("case", "bytes", "Parallax", "DeepDiff", "ratio", "aim"):
        table.add_column(heading, justify="left" if heading == "case" else "right")
    for figure in figures:
        aim = "" if figure.wanted_ratio is None else f"≥ {figure.wanted_ratio:.0f}"
        table.add_row(
            figure.case,
            f"{figure.bytes_compared:,}",
            f"{figure.parallax_us:,.2f}",
            f"{figure.deepdiff_us:,.0f}",
            f"{figure.ratio:,.1f}",
            aim,
        )
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to keep the figures")
    arguments = parser.parse_args()
    figures = [measured(case) for case in cases()]
    Console().print(table_of(figures))
    if arguments.json is not None:
        content = {"benchmark": "comparison", "figures": [asdict(each) for each in figures]}
        arguments.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    missed = [each for each in figures if each.wanted_ratio and each.ratio < each.wanted_ratio]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
