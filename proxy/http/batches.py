"""Several writes in one request, each on its own or all together."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Final

from bson.regex import Regex

from adapters.repositories.together import opened
from comparators.errors import ParallaxError
from proxy.http.call import Call, Reply
from proxy.http.documents import change, create, remove, shown, update_of
from proxy.http.documents import replace as replace_document
from proxy.http.failures import problem_of
from proxy.http.guard import check_filter
from proxy.http.lists import hidden_from
from proxy.http.problems import Code, PathError, ProblemError

MOST: Final = 1000
_MEMBERS: Final[Mapping[str, frozenset[str]]] = {
    "update": frozenset({"id", "ifMatch", "change"}),
    "replace": frozenset({"id", "ifMatch", "document"}),
    "delete": frozenset({"id", "ifMatch"}),
    "updateMany": frozenset({"filter", "change"}),
    "deleteMany": frozenset({"filter"}),
}
"""What an operation holds, besides `create`, which holds a document."""
_OBJECTS: Final = frozenset({"change", "document", "filter"})


async def batch(call: Call) -> Reply:
    """Run writes in their order; `atomic` ones take effect together or not at all."""
    operations = call.given["operations"]
    for place, operation in enumerate(operations):
        _check(place, operation)
    if call.given["atomic"]:
        return Reply(document={"results": await _together(call, operations)})
    results: list[dict[str, Any]] = []
    for operation in operations:
        result = await _tried(call, operation)
        results.append(result)
        if "problem" in result and not call.given["continue"]:
            break
    return Reply(document={"results": results})


async def _together(call: Call, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    async with AsyncExitStack() as held:
        inside = call
        if call.session is None:
            together = await held.enter_async_context(opened(call.parts.database))
            inside = replace(call, session=together)
        for place, operation in enumerate(operations):
            try:
                results.append(await _run(inside, operation))
            except (ParallaxError, ProblemError) as error:
                problem = error if isinstance(error, ProblemError) else problem_of(error)
                if problem is None:
                    raise
                raise _at(place, problem) from error
    return results


async def _tried(call: Call, operation: dict[str, Any]) -> dict[str, Any]:
    try:
        return await _run(call, operation)
    except (ParallaxError, ProblemError) as error:
        problem = error if isinstance(error, ProblemError) else problem_of(error)
        if problem is None:
            raise
        return {"status": problem.status, "problem": problem.body()}


async def _run(call: Call, operation: dict[str, Any]) -> dict[str, Any]:
    [(name, given)] = operation.items()
    match name:
        case "create":
            reply = await create(replace(call, given=given))
        case "update":
            changed = await change(
                call, given["id"], dict(given["change"]), tags=given.get("ifMatch")
            )
            reply = shown(changed)
        case "replace":
            replaced = await replace_document(
                call, given["id"], given["document"], tags=given.get("ifMatch")
            )
            reply = shown(replaced)
        case "delete":
            await remove(call, given["id"], tags=given.get("ifMatch"))
            return {"status": 204}
        case _:
            return {"status": 200, "count": await _many(call, given)}
    return {"status": reply.status, "document": reply.document}


async def _many(call: Call, given: dict[str, Any]) -> int:
    """Change or delete what a filter selects, and return how many documents that were."""
    hidden, repository = hidden_from(call), call.on.repository
    check_filter(given["filter"], hidden)
    if "change" not in given:
        return await repository.delete_many(given["filter"], session=call.session)
    change = update_of(given["change"], hidden)
    return await repository.update_many(given["filter"], change, session=call.session)


def _check(place: int, operation: dict[str, Any]) -> None:
    """Refuse what is no operation before any of them is run."""
    name, given = next(iter(operation.items()), ("", None))
    if len(operation) != 1 or (name != "create" and name not in _MEMBERS):
        raise _wrong(place, f"one of `create`, {', '.join(f'`{each}`' for each in _MEMBERS)}")
    if not isinstance(given, dict):
        raise _wrong(place, "an object")
    if name == "create":
        return
    members = _MEMBERS[name]
    if not members - {"ifMatch"} <= given.keys() <= members:
        raise _wrong(place, f"{', '.join(f'`{each}`' for each in sorted(members))}, and no more")
    if any(not isinstance(given[each], dict) for each in members & _OBJECTS):
        raise _wrong(place, "objects where they belong")
    if isinstance(given.get("id"), dict | list | Regex):
        # An operator would select others as well.
        raise _wrong(place, "one value as `id`")
    if not isinstance(given.get("ifMatch", ""), str):
        raise _wrong(place, "`ifMatch` as text")


def _wrong(place: int, wanted: str) -> ProblemError:
    return ProblemError(Code.BAD_PARAMETER, f"`operations.{place}` must have {wanted}")


def _at(place: int, problem: ProblemError) -> ProblemError:
    """Return a problem that tells which operation it is of."""
    errors = [
        PathError(f"operations.{place}.{error.path}", error.kind, error.message)
        for error in problem.errors
    ] or [PathError(f"operations.{place}", problem.code.value, problem.detail)]
    return ProblemError(problem.code, problem.detail, errors=errors, headers=problem.headers)
