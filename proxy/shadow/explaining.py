"""How MongoDB runs what was slow on the gateway: asked on the verifier's own connection, now and then, and kept without any value.

Only reads are asked about, which takes no more rights than the verifier has: of a write, how its documents are found.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from comparators.errors import UnreachableError
from comparators.naming import general_name, general_path
from comparators.operation import Kind, Operation
from proxy.shadow.legacy import Legacy, filters_of

MOST_WAITING: Final = 16
"""Operations beyond that are let go: what stays slow comes again."""
EVERY_S: Final = 1.0
_STORING: Final = frozenset({"$out", "$merge"})
_ALL: Final = frozenset({"[MinKey, MaxKey]", "[MaxKey, MinKey]"})
_INPUTS: Final = (
    "inputStage",
    "inputStages",
    "outerStage",
    "innerStage",
    "thenStage",
    "elseStage",
    "shards",
)

Explained = Callable[[Operation, str], None]
"""Is given the plan of an operation."""


class Explaining:
    """Asks MongoDB for plans, one at a time."""

    def __init__(self, legacy: Legacy, explained: Explained) -> None:
        self._legacy = legacy
        self._explained = explained
        self._waiting: asyncio.Queue[Operation] = asyncio.Queue(MOST_WAITING)

    def ask(self, operation: Operation) -> None:
        """Have an operation explained, unless too many wait."""
        if not self._waiting.full():
            self._waiting.put_nowait(operation)

    async def run(self) -> None:
        """Explain until cancelled."""
        while True:
            operation = await self._waiting.get()
            plan = await self._plan(operation)
            if plan:
                self._explained(operation, plan)
            await asyncio.sleep(EVERY_S)

    async def _plan(self, operation: Operation) -> str:
        command = explainable(operation)
        if command is None:
            return "no plan: MongoDB explains no " + operation.kind.value
        try:
            answer = await self._legacy.explain(operation.database, command)
        except UnreachableError:
            # What stays slow is asked about again.
            return ""
        if isinstance(answer, int):
            return f"no plan: MongoDB refuses to explain it with code {answer}"
        return described(answer)


def explainable(operation: Operation) -> dict[str, Any] | None:
    """Return the read by which an operation finds its documents; None for one that looks for none."""
    arguments, name = operation.arguments, operation.collection
    match operation.kind:
        case Kind.FIND | Kind.COUNT | Kind.DISTINCT:
            return {operation.kind.value: name, **arguments}
        case Kind.AGGREGATE:
            stages = [each for each in arguments["pipeline"] if _STORING.isdisjoint(each)]
            kept = {key: arguments[key] for key in ("collation", "hint", "let") if key in arguments}
            return {"aggregate": name or 1, "pipeline": stages, "cursor": {}, **kept}
        case Kind.UPDATE | Kind.DELETE | Kind.FIND_AND_MODIFY:
            [first, *_] = filters_of(operation) or [{}]
            return {"find": name, "filter": first}
        case _:
            return None


def described(answer: Mapping[str, Any]) -> str:
    """Return a plan as lines: stages, indexes and names of fields, and never a value.

    Source: MongoDB manual, "Explain Results", for both engines of version 6.0.
    """
    lines: list[str] = []
    for stage in answer.get("stages") or [{"$cursor": answer}]:
        name, content = next(iter(stage.items()))
        if name != "$cursor":
            lines.append(name)
            continue
        planner = content["queryPlanner"]
        lines += _tree(planner["winningPlan"], 0)
        rejected = len(planner.get("rejectedPlans", ()))
        if rejected:
            lines.append(f"rejected: {rejected} other plan{'s' if rejected > 1 else ''}")
    return "\n".join(lines)


def _tree(plan: Mapping[str, Any], depth: int) -> Iterator[str]:
    inner = plan.get("queryPlan") or plan.get("winningPlan")
    if inner is not None:
        yield from _tree(inner, depth)
        return
    yield "  " * depth + ", ".join([str(plan.get("stage", "?")), *_details(plan)])
    for name in _INPUTS:
        below = plan.get(name, ())
        for each in [below] if isinstance(below, Mapping) else below:
            yield from _tree(each, depth + 1)


def _details(plan: Mapping[str, Any]) -> Iterator[str]:
    if "indexName" in plan:
        keys = " ".join(f"{general_path(key)}: {way}" for key, way in plan["keyPattern"].items())
        yield f"index {plan['indexName']} ({keys})"
    if plan.get("direction") == "backward":
        yield "backward"
    for name, bounds in plan.get("indexBounds", {}).items():
        if not _ALL.issuperset(bounds):
            ranges = f"{len(bounds)} range{'s' if len(bounds) > 1 else ''}"
            yield f"{general_path(name)} in {ranges}"
    if "sortPattern" in plan:
        yield f"by {' '.join(map(general_path, plan['sortPattern']))}"
    if plan.get("filter"):
        yield f"filter on {' '.join(sorted(set(_fields(plan['filter']))))}"


def _fields(condition: Any) -> Iterator[str]:
    """Return the names of the fields that a condition speaks of."""
    for name, value in condition.items():
        if not name.startswith("$"):
            yield general_path(name)
        elif isinstance(value, list):
            for each in value:
                if isinstance(each, Mapping):
                    yield from _fields(each)
        else:
            yield general_name(name)
