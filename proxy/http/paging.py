"""Pages of a list: from an offset, or from where the page before ended."""

from collections.abc import Mapping
from typing import Any

from adapters.gateway import Transaction
from comparators.errors import RefusedError
from proxy.http.entity import Entity
from proxy.http.problems import Code, ProblemError


async def page_of(
    entity: Entity,
    condition: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    session: Transaction | None,
) -> dict[str, Any]:
    """Return a page, the cursor of the next one, and the total where it is asked for."""
    if given["cursor"] is not None and given["offset"]:
        raise ProblemError(Code.BAD_CURSOR, "`cursor` and `offset` exclude each other")
    page = await (_after if _by_cursor(given) else _from)(entity, condition, given, session)
    if given["total"]:
        page["total"] = await entity.repository.count(condition, session=session)
    return page


def _by_cursor(given: Mapping[str, Any]) -> bool:
    """Return whether a page can be told where the next one begins: not from an offset, and not of parts of documents."""
    return given["cursor"] is not None or not (given["offset"] or given["projection"])


async def _after(
    entity: Entity,
    condition: Mapping[str, Any],
    given: Mapping[str, Any],
    session: Transaction | None,
) -> dict[str, Any]:
    try:
        page = await entity.repository.page_after(
            condition,
            cursor=given["cursor"],
            size=given["limit"],
            projection=given["projection"],
            sort=given["sort"],
            populate=given["populate"],
            session=session,
        )
    except RefusedError as error:
        raise ProblemError(Code.BAD_CURSOR, f"{error.what}; {error.remedy}") from error
    return {"items": page.items, "next": page.next}


async def _from(
    entity: Entity,
    condition: Mapping[str, Any],
    given: Mapping[str, Any],
    session: Transaction | None,
) -> dict[str, Any]:
    items = await entity.repository.find(
        condition,
        projection=given["projection"],
        sort=given["sort"],
        populate=given["populate"],
        skip=given["offset"],
        limit=given["limit"],
        session=session,
    )
    return {"items": items}
