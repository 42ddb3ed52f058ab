"""What a repository can do beyond what all of them can: a route for each method, typed by its signature.

A method is offered only where its name stands in one of the tables below, which a test holds against the repositories.
"""

import types
from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass
from inspect import Parameter, getdoc, isfunction, signature
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from bson.datetime_ms import DatetimeMS

from adapters.repositories.repository import Repository
from proxy.http import lists
from proxy.http.call import Call, Reply
from proxy.http.declared import Answer, Body, Handler, Kind, Member, Route
from proxy.http.documents import update_of
from proxy.http.guard import check_filter, check_sort
from proxy.http.problems import Code, ProblemError
from proxy.http.tokens import Scope

READING: Final = frozenset(
    {
        "count_by_user",
        "find_active",
        "find_by_agent",
        "find_by_assistant",
        "find_by_category",
        "find_by_conversation",
        "find_by_email",
        "find_by_file",
        "find_by_group",
        "find_by_key",
        "find_by_message",
        "find_by_name",
        "find_by_plugin",
        "find_by_tag",
        "find_by_target",
        "find_by_token",
        "find_by_type",
        "find_by_user",
        "find_by_username",
        "find_current",
        "find_default",
        "find_expired",
        "find_promoted",
        "find_with_balance",
        "find_with_messages",
        "find_with_production",
        "find_with_roles",
        "first_broken",
        "page_by_user",
        "permits",
        "search",
        "sums_by_model",
        "sums_by_period",
        "sums_by_type",
        "thread_tree",
        "total",
        "usage_by_user",
        "value_of",
    }
)
WRITING: Final = frozenset(
    {
        "add_conversation",
        "add_file",
        "add_tool",
        "append",
        "archive",
        "consume",
        "count_use",
        "create_with_prompt",
        "credit",
        "delete_by_conversation",
        "delete_by_field",
        "delete_by_key",
        "delete_by_name",
        "delete_by_user",
        "delete_with_prompts",
        "expire",
        "extend",
        "forget",
        "issue",
        "open",
        "permit",
        "publish",
        "put",
        "remove_conversation",
        "remove_file",
        "remove_tool",
        "rename",
        "set_default",
        "spend",
        "unarchive",
        "update_by_key",
        "update_last_login",
    }
)
SECRET: Final = frozenset({"consume", "find_by_token", "value_of"})
"""Those of them that look at what is hidden, or tell it."""
_LEFT_OUT: Final = frozenset({"self", "session", "reveal"})
_KINDS: Final[Mapping[Any, Kind]] = {
    str: Kind.TEXT,
    int: Kind.INTEGER,
    float: Kind.NUMBER,
    bool: Kind.BOOLEAN,
    Any: Kind.VALUE,
    Mapping: Kind.OBJECT,
    DatetimeMS: Kind.DATE,
}
_BOUNDS: Final[Mapping[str, tuple[float | None, float | None]]] = {
    "limit": (1, lists.MOST),
    "size": (1, lists.MOST),
    "skip": (0, 1_000_000),
    "words": (1, 1_000),
}
_MEANINGS: Final[Mapping[str, str]] = {
    "condition": "MongoDB's filter",
    "cursor": "`next` of the page before",
    "data": "Fields to set, or MongoDB's update operators",
    "limit": "At most so many documents",
    "skip": "Documents to leave out first",
    "sort": "Paths with 1 or -1, the first one first",
}
_OF_ALL: Final = (Code.BAD_QUERY, Code.FORBIDDEN_OPERATOR, Code.HIDDEN_FIELD, Code.UNSUPPORTED)
_OF_WRITING: Final = (Code.INVALID, Code.DUPLICATE, Code.CONFLICT, Code.BAD_UPDATE)


def scope_of(method: str) -> Scope | None:
    """Return what calling a method takes; None where it is not offered."""
    if method in SECRET:
        return Scope.ADMIN
    if method in WRITING:
        return Scope.WRITE
    return Scope.READ if method in READING else None


def method_names(kind: type[Repository]) -> list[str]:
    """Return the methods that a kind of repository has beyond those of all."""
    names = (name for name in dir(kind) if not name.startswith("_"))
    return [name for name in names if isfunction(getattr(kind, name)) and _is_own(kind, name)]


def method_routes(entity: str, kind: type[Repository]) -> Iterator[Route]:
    """Yield a route for each method that a kind of repository offers."""
    for name in method_names(kind):
        scope = scope_of(name)
        if scope is not None:
            yield _route(entity, kind, name, scope)


def _is_own(kind: type[Repository], name: str) -> bool:
    return getattr(kind, name) is not getattr(Repository, name, None)


def _route(entity: str, kind: type[Repository], name: str, scope: Scope) -> Route:
    method = getattr(kind, name)
    takes = signature(method).parameters
    writes = name in WRITING
    transactional = "session" in takes
    members = tuple(_members(method))
    return Route(
        name=f"{entity}_{name}",
        method="POST",
        path=f"/v1/{entity}/methods/{name}",
        entity=entity,
        summary=(getdoc(method) or name).partition("\n")[0].rstrip("."),
        scope=scope,
        handler=_handler(name, transactional=transactional),
        body=Body(meaning="The arguments", members=members),
        writes=writes,
        transactional=True,
        answers={200: Answer(meaning="What it gives", schema="Result")},
        problems=(
            *_OF_ALL,
            *(_OF_WRITING if writes else ()),
            Code.BAD_CURSOR,
            Code.REFUSED,
            Code.BAD_ID,
        ),
    )


def _members(method: Any) -> Iterator[Member]:
    hints = get_type_hints(method)
    for name, parameter in signature(method).parameters.items():
        if name in _LEFT_OUT:
            continue
        least, most = _BOUNDS.get(name, (None, None))
        required = parameter.default is Parameter.empty
        default = (
            None if required or not isinstance(parameter.default, int | str) else parameter.default
        )
        if name == "limit" and not default:
            # To a repository 0 is no limit; whoever asks over a network gets one.
            default = lists.MOST
        yield Member(
            name=name,
            kind=_kind_of(hints[name]),
            meaning=_MEANINGS.get(name, f"The argument `{name}`"),
            required=required,
            least=least,
            most=most,
            default=default,
        )


def _kind_of(hint: Any) -> Kind:
    options = [hint]
    if get_origin(hint) in {Union, types.UnionType}:
        options = [each for each in get_args(hint) if each is not type(None)]
    kinds = [_KINDS[get_origin(each) or each] for each in options]
    return Kind.NUMBER if Kind.NUMBER in kinds else kinds[0]


def _handler(name: str, *, transactional: bool) -> Handler:
    async def run(call: Call) -> Reply:
        arguments = {each: value for each, value in call.given.items() if value is not None}
        _check(call, arguments)
        if transactional:
            arguments["session"] = call.session
        elif call.session is not None:
            raise ProblemError(Code.BAD_PARAMETER, "it makes a transaction of its own")
        result = await getattr(call.on.repository, name)(**arguments)
        return Reply(document={"result": _shown(result)})

    return run


def _check(call: Call, arguments: dict[str, Any]) -> None:
    """Refuse filters, orders and changes that the other routes refuse as well."""
    hidden = lists.hidden_from(call)
    if "condition" in arguments:
        check_filter(arguments["condition"], hidden)
    if "sort" in arguments:
        check_sort(arguments["sort"], hidden)
    if "data" in arguments:
        arguments["data"] = update_of(arguments["data"], hidden)
    for areas in arguments.get("permissions", {}).values():
        if not isinstance(areas, dict):
            raise ProblemError(Code.BAD_PARAMETER, "`permissions` holds objects")


def _shown(result: Any) -> Any:
    """Return what a method gives, in values of documents."""
    if is_dataclass(result) and not isinstance(result, type):
        return asdict(result)
    return list(result) if isinstance(result, tuple) else result
