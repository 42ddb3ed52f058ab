"""`findAndModify`: one document changed, removed or inserted, and shown before or after.

Source: MongoDB manual, "findAndModify".
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from adapters.evaluate.project import projector
from adapters.operations import modifying, options
from adapters.operations.documents import Change, Stored
from adapters.operations.hints import check_hint
from adapters.operations.modifying import Modification, change_of, modification_of, upsertion
from adapters.operations.picking import picked
from adapters.operations.refusals import failure_of
from adapters.operations.residual import Query, query_of
from adapters.operations.session import Session
from adapters.operations.storage import Found
from adapters.query.collated import collated
from adapters.query.command_fields import is_on
from adapters.query.failures import CommandFailure
from adapters.query.projection import parse_projection
from adapters.query.sort import Sort, check_number, sort_keys
from comparators.canonical import encode
from comparators.outcome import Modified, Outcome

BAD_VALUE: Final = 2
FAILED_TO_PARSE: Final = 9
NOT_FOUND: Final = Outcome(
    result=Modified(document=None, n=0, updated_existing=False), duration_s=0.0
)
NOTHING_REMOVED: Final = Outcome(result=Modified(document=None, n=0), duration_s=0.0)

Show = Callable[[Found], bytes]


async def modify(session: Session) -> Outcome:
    """Run the command inside a transaction, with its document locked."""
    if is_on(session.operation.arguments.get("remove")):
        return await _remove(session)
    modification, sort = parsed(session)
    show = shown(session, modification.query)
    check_number(sort)
    found = await picked(session, modification.query, first=True, locked=True, sort=sort)
    if found:
        after, change = change_of(session, modification, found[0])
        failure = await modifying.replace_locked(session, [change] if change else [])
        outcome = changed(session, found[0], after, show, changed=change is not None)
    elif modification.insert is not None:
        change = upsertion(session, modification)
        failure = await modifying.insert_locked(session, change)
        outcome = inserted(session, change, show)
    else:
        return NOT_FOUND
    if failure is not None:
        raise failure
    return outcome


async def _remove(session: Session) -> Outcome:
    arguments = session.operation.arguments
    _check(session)
    for name in ("update", "new", "upsert", "arrayFilters"):
        if arguments.get(name):
            raise CommandFailure(FAILED_TO_PARSE, f"Cannot specify both {name} and remove=true")
    query = query_of(
        session,
        arguments.get("query") or {},
        variables=session.variables,
        order=session.order_under(arguments),
    )
    sort = _sort_of(session, query)
    show = shown(session, query)
    check_number(sort)
    found = await picked(session, query, first=True, locked=True, sort=sort)
    if not found:
        return NOTHING_REMOVED
    await session.remove([found[0].key])
    return _answered(
        lambda: Modified(document=show(found[0].found), n=1), touched=(found[0].document["_id"],)
    )


def _check(session: Session) -> None:
    arguments = session.operation.arguments
    options.check("findAndModify", arguments)
    check_hint(session, arguments.get("hint"))


def parsed(session: Session) -> tuple[Modification, Sort]:
    _check(session)
    arguments = session.operation.arguments
    if "update" not in arguments:
        raise CommandFailure(FAILED_TO_PARSE, "Either an update or remove=true must be specified")
    modification = modification_of(
        session,
        query=arguments.get("query") or {},
        update=arguments["update"],
        array_filters=arguments.get("arrayFilters"),
        order=session.order_under(arguments),
        upsert=is_on(arguments.get("upsert")),
        at=0,
    )
    return modification, _sort_of(session, modification.query)


def _sort_of(session: Session, query: Query) -> Sort:
    """Return the sort; MongoDB does not even read it where one document is found by `_id` and shown whole."""
    arguments = session.operation.arguments
    unread = query.of_one and not arguments.get("fields")
    unread = unread and not _takes_position(arguments.get("update"))
    return {} if unread else sort_keys(arguments.get("sort") or {})


def _takes_position(update: Any) -> bool:
    """Return whether the update needs to know which element the filter has matched."""
    changes = update.values() if isinstance(update, Mapping) else ()
    return any(
        "$" in path.split(".") for each in changes if isinstance(each, Mapping) for path in each
    )


def shown(session: Session, query: Query) -> Show:
    """Return how a document is answered: whole, or as `fields` says."""
    fields: Mapping[str, Any] | None = session.operation.arguments.get("fields")
    if not fields:
        return lambda found: found.raw
    user = {name: value for name, value in session.variables.items() if name != "NOW"}
    projection = parse_projection(fields, filter=query.tree, variables=frozenset(user))
    if projection.positional is not None and is_on(session.operation.arguments.get("new")):
        raise CommandFailure(BAD_VALUE, "a positional projection cannot show the new document")
    project = projector(
        collated(projection, query.order),
        filter=query.tree,
        now_ms=session.generated.now_ms,
        variables=user,
    )
    return lambda found: encode(project(found.document))


def changed(
    session: Session,
    found: Stored,
    after: Found,
    show: Show,
    *,
    changed: bool,
) -> Outcome:
    shown = after if is_on(session.operation.arguments.get("new")) else found.found
    return _answered(
        lambda: Modified(document=show(shown), n=1, updated_existing=True),
        touched=(after.document["_id"],) if changed else (),
    )


def shown_after(after: Found, show: Show) -> Outcome:
    return _answered(
        lambda: Modified(document=show(after), n=1, updated_existing=True),
        touched=(after.document["_id"],),
    )


def inserted(session: Session, change: Change, show: Show) -> Outcome:
    new = is_on(session.operation.arguments.get("new"))
    return _answered(
        lambda: Modified(
            document=show(Found(raw=change.bson)) if new else None,
            n=1,
            updated_existing=False,
            upserted_id=change.identifier,
        ),
        touched=(change.identifier,),
    )


def _answered(answer: Callable[[], Modified], *, touched: tuple[Any, ...]) -> Outcome:
    """Return what a write answers: if its document cannot be shown, MongoDB has written it all the same."""
    try:
        return Outcome(result=answer(), duration_s=0.0, touched=touched)
    except CommandFailure as failure:
        return Outcome(result=failure_of(failure), duration_s=0.0, touched=touched)
