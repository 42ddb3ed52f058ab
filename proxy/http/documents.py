"""One document: read, changed, deleted by its id; and a new one."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from proxy.http.call import Call, Reply
from proxy.http.entity import VERSION, condition_of, is_named, tag_of
from proxy.http.guard import change_of, check_projection
from proxy.http.populates import populates
from proxy.http.problems import Code, ProblemError

_CREATED: Final = 201
_NO_CONTENT: Final = 204
_NOT_MODIFIED: Final = 304


async def create(call: Call) -> Reply:
    """Store a new document."""
    entity = call.on
    made = await entity.repository.create(call.given, session=call.session)
    place = {"Location": f"/v1/{entity.name}/{made['_id']}"}
    return shown(made, status=_CREATED, headers=place)


async def get(call: Call) -> Reply:
    """Give a document, unless the client has this version already."""
    projection = call.given["projection"]
    check_projection(projection, _hidden(call))
    populate = populates(call, call.given["populate"])
    found = await call.on.by_id(
        call.path["id"], projection=projection, populate=populate, session=call.session
    )
    tag = tag_of(found)
    if is_named(tag, call.headers.get("If-None-Match")):
        return Reply(status=_NOT_MODIFIED, headers={"ETag": str(tag)})
    return Reply(document=found, headers={} if tag is None else {"ETag": tag})


async def patch(call: Call) -> Reply:
    """Change a document, if it is at the version that the client names."""
    changed = await change(
        call, call.path["id"], dict(call.given), tags=call.headers.get("If-Match")
    )
    return shown(changed)


async def put(call: Call) -> Reply:
    """Replace a document, if it is at the version that the client names."""
    return shown(
        await replace(call, call.path["id"], call.given, tags=call.headers.get("If-Match"))
    )


async def delete(call: Call) -> Reply:
    """Delete a document, if it is at the version that the client names."""
    await remove(call, call.path["id"], tags=call.headers.get("If-Match"))
    return Reply(status=_NO_CONTENT)


async def change(
    call: Call, identifier: Any, given: dict[str, Any], *, tags: str | None
) -> dict[str, Any]:
    """Return a document after a change, which counts its version up."""
    entity = call.on
    update = update_of(given, _hidden(call))
    changed = await entity.repository.update_where(
        {"_id": identifier, **condition_of(tags)}, update, session=call.session
    )
    if changed is None:
        raise await _unmet(call, identifier, tags)
    return changed


async def replace(
    call: Call, identifier: Any, given: Mapping[str, Any], *, tags: str | None
) -> dict[str, Any]:
    """Return a document that was put in the place of another, of the next version."""
    replaced = await call.on.repository.replace(
        identifier, given, expected=condition_of(tags), session=call.session
    )
    if replaced is None:
        raise await _unmet(call, identifier, tags)
    return replaced


def update_of(given: Mapping[str, Any], hidden: AbstractSet[str]) -> dict[str, Any]:
    """Return the update that a client asks for, which counts the version up."""
    update = change_of(given, hidden)
    if any(VERSION in fields for fields in update.values()):
        raise ProblemError(Code.BAD_UPDATE, f"{VERSION} is counted by the API itself")
    update["$inc"] = {**update.get("$inc", {}), VERSION: 1}
    return update


async def remove(call: Call, identifier: Any, *, tags: str | None) -> None:
    """Delete a document."""
    condition = {"_id": identifier, **condition_of(tags)}
    if not await call.on.repository.delete_many(condition, session=call.session):
        raise await _unmet(call, identifier, tags)


def shown(
    document: dict[str, Any],
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Reply:
    """Return a document as an answer, with its version."""
    tag = tag_of(document)
    told = {**(headers or {}), **({} if tag is None else {"ETag": tag})}
    return Reply(status=status, document=document, headers=told)


async def _unmet(call: Call, identifier: Any, tags: str | None) -> ProblemError:
    """Return why no document was found: there is none, or it is at another version."""
    await call.on.by_id(identifier, projection={"_id": 1}, session=call.session)
    if tags is None:
        return ProblemError(Code.CONFLICT, "it was made meanwhile; try again")
    return ProblemError(Code.CHANGED_MEANWHILE, "read it again, and repeat the change")


def _hidden(call: Call) -> frozenset[str]:
    return frozenset() if call.is_admin else call.on.hidden
