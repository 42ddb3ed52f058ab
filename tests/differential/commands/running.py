"""Commands on both sides, over documents that make them match something."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from comparators.canonical import document_key
from comparators.operation import Kind
from comparators.outcome import (
    Acknowledgement,
    Count,
    Documents,
    Modified,
    Result,
    Values,
)
from tests.differential.commands.witnesses import (
    filter_documents,
    pipeline_documents,
    update_documents,
)
from tests.differential.programs.program import Step
from tests.differential.programs.running import DifferenceError, Sides, ended
from tests.differential.programs.tally import End, Tally
from tests.differential.twins import Twins

Document = dict[str, Any]
Collections = Mapping[str, Sequence[Document]]

KINDS: Final[Mapping[str, Kind]] = {
    "find": Kind.FIND,
    "count": Kind.COUNT,
    "distinct": Kind.DISTINCT,
    "aggregate": Kind.AGGREGATE,
    "insert": Kind.INSERT,
    "update": Kind.UPDATE,
    "delete": Kind.DELETE,
    "findAndModify": Kind.FIND_AND_MODIFY,
}
MANY: Final = 7
"""How many documents a cursor is read over, two at a time."""


@dataclass(slots=True)
class Ran:
    """What became of commands: the cases, those that found nothing, and the differences."""

    tally: Tally = field(default_factory=Tally)
    commands: Counter[str] = field(default_factory=Counter)
    unmatched: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the totals as lines of text."""
        named = ", ".join(f"{name} {n:,}" for name, n in sorted(self.commands.items()))
        ran = self.commands.total()
        matched = f"{ran - len(self.unmatched):,} of {ran:,}"
        return [f"commands: {named}", *self.tally.lines(), f"matched something: {matched}"]


async def run_command(
    sides: Sides, ran: Ran, label: str, command: Document, stored: Collections | None = None
) -> None:
    """Run a command over the documents given, or over some that fit it."""
    name, collection = next(iter(command.items()))
    ran.commands[name] += 1
    arguments = {key: value for key, value in command.items() if key != name}
    collections = stored if stored is not None else documents_for(name, collection, arguments)
    for other, documents in collections.items():
        await fill(sides.twins(other), documents)
    twins = sides.twins(collection)
    if collection not in collections:
        await fill(twins, ())
    step = Step(kind=KINDS[name], arguments=arguments)
    try:
        end, legacy = await ended(ran.tally, twins, step)
    except DifferenceError as difference:
        ran.different.append(f"{label} {collection}: {difference}\nstored: {collections}")
        return
    if end is End.REFUSED_ALIKE:
        ran.refused.append(f"{label} {name} {collection}: {legacy}")
    elif not matched(legacy):
        ran.unmatched.append(f"{label} {name} {collection}")


def documents_for(name: str, collection: str, arguments: Document) -> Collections:
    """Return documents by collection, each with an `_id`, that a command finds."""
    joined: Collections = {}
    match name:
        case "find" | "count" | "distinct":
            made = filter_documents(arguments.get("filter") or arguments.get("query") or {})
            if name == "distinct":
                made = [{arguments["key"]: "a value", **document} for document in made]
        case "delete":
            made = [
                each
                for statement in arguments["deletes"]
                for each in filter_documents(statement["q"])
            ]
        case "update":
            made = [
                each for statement in arguments["updates"] for each in update_documents(statement)
            ]
        case "findAndModify":
            statement = {"q": arguments["query"], "u": arguments.get("update", {}), **arguments}
            made = update_documents(statement)
        case "aggregate":
            made, joined = pipeline_documents(arguments["pipeline"])
        case _:
            made = []
    numbered = {collection: list(_numbered(made))}
    return {
        **{other: list(_numbered(documents)) for other, documents in joined.items()},
        **numbered,
    }


def _numbered(documents: Sequence[Document]) -> Iterator[Document]:
    """Give each document an `_id` of its own; of two with the same one only the first is kept."""
    seen = set()
    for number, document in enumerate(documents):
        identified = {"_id": number, **document}
        key = document_key(identified["_id"])
        if key not in seen:
            seen.add(key)
            yield identified


async def fill(twins: Twins, documents: Sequence[Document]) -> None:
    await twins.run(Kind.DELETE, deletes=[{"q": {}, "limit": 0}])
    if documents:
        legacy, gateway = await twins.run(Kind.INSERT, documents=list(documents))
        assert legacy == gateway == Acknowledgement(n=len(documents), modified=None)


def matched(result: Result) -> bool:
    """Return whether a command found, wrote or counted something."""
    match result:
        case Documents(documents=documents):
            return bool(documents)
        case Values(values=values):
            return bool(values)
        case Count(n=n) | Acknowledgement(n=n) | Modified(n=n):
            return bool(n)
        case _:
            return False
