"""The commands of a real application on both sides, over data that makes them match something.

Our own cases always run. A file of captured command shapes runs where one is named: `make shapes SHAPES=file`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest

from proxy.embedded import EmbeddedMongo
from tests.cases.reading import case_files, read_cases
from tests.differential.commands.running import KINDS, Document, Ran, documents_for, run_command
from tests.differential.commands.sequences import end_transaction, read_on
from tests.differential.commands.shapes import Shape, read_shapes
from tests.differential.programs.reporting import tell
from tests.differential.programs.running import Sides
from tests.differential.programs.storage import OF_LIBRECHAT, both_sides


@pytest.fixture(params=sorted(OF_LIBRECHAT))
async def sides(
    request: pytest.FixtureRequest, mongo: EmbeddedMongo, postgres_dsn: str
) -> AsyncIterator[Sides]:
    async with both_sides(request.param, mongo.uri, postgres_dsn) as opened:
        yield opened


@pytest.mark.parametrize("area", case_files("librechat"))
async def test_our_own_commands_are_answered_alike(sides: Sides, area: str) -> None:
    ran = Ran()

    for case in read_cases("librechat", area):
        await run_command(sides, ran, case["claim"], case["command"], case.get("documents"))

    assert ran.different == []
    assert ran.unmatched == []
    assert ran.tally.compared == ran.tally.cases


@pytest.mark.timeout(1_200)
async def test_captured_shapes_are_answered_alike(
    sides: Sides, request: pytest.FixtureRequest
) -> None:
    file: Path | None = request.config.getoption("--shapes")
    ran = Ran()

    shapes = read_shapes(file) if file else []
    known = _documents_of(shapes)

    for shape in shapes:
        await _run(sides, ran, shape, known)

    told = [
        *ran.lines(),
        *(f"refused by both: {each}" for each in ran.refused),
        *(f"found nothing: {each}" for each in ran.unmatched),
    ]
    title = f"captured shapes, {request.node.callspec.id}"
    tell(request.config, title, told if file else ["had none: name a file with --shapes FILE"])
    assert ran.different == []


def _documents_of(shapes: Sequence[Shape]) -> Mapping[str, Sequence[Document]]:
    """Return documents for each collection: those that its other commands look for."""
    known: dict[str, list[Document]] = {}
    for shape in shapes:
        if shape.command in KINDS:
            arguments = shape.example
            for name, documents in documents_for(
                shape.command, shape.collection, arguments
            ).items():
                known.setdefault(name, []).extend(documents)
    return known


async def _run(
    sides: Sides, ran: Ran, shape: Shape, known: Mapping[str, Sequence[Document]]
) -> None:
    label = f"line {shape.number}"
    match shape.command:
        case "getMore":
            await read_on(sides, ran, label, shape.example)
        case "commitTransaction" | "abortTransaction":
            await end_transaction(sides, ran, label, shape.example)
        case "insert" if "documents" not in shape.example:
            # Each of them has an `_id` of its own only among those of its command.
            given = [{**each, "_id": at} for at, each in enumerate(known[shape.collection][:5])]
            documents = given or [{"_id": 1, "name": "first"}]
            await run_command(sides, ran, label, {**shape.example, "documents": documents})
        case _:
            await run_command(sides, ran, label, shape.example)
