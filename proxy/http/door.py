"""A request in, an answer out: admitted, read, run once, and whatever fails told as a problem."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from comparators.errors import ParallaxError
from proxy.http import extended_json
from proxy.http.call import NOTHING, Call, Reply
from proxy.http.declared import Route, read_members
from proxy.http.entity import Entity
from proxy.http.entrance import Entrance
from proxy.http.failures import problem_of
from proxy.http.idempotency import Idempotency, Kept, Request
from proxy.http.parts import Parts
from proxy.http.problems import CONTENT_TYPE, PROBLEMS, Code, ProblemError
from proxy.http.spans import HEADER, SPAN
from proxy.http.tokens import Token
from proxy.http.traced import TracedDatabase

_log = structlog.get_logger()

_JSON: Final = "application/json"
_KIND_OF_ANSWER: Final = f"{_JSON}; charset=utf-8"
_KIND_OF_PROBLEM: Final = f"{CONTENT_TYPE}; charset=utf-8"
_LEAST_PROBLEM: Final = PROBLEMS[Code.BAD_REQUEST].status.value
_KEY: Final = re.compile(r"[!-~]{1,255}")
_TRACE: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_NOTHING_DONE: Final = frozenset({Code.CONFLICT, Code.TOO_MANY_TRANSACTIONS, Code.IN_FLIGHT})
"""What is worth another try with the same key."""
REPLAYED: Final = "Idempotency-Replayed"


class Told(NamedTuple):
    """An answer, ready to be sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    """Empty where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Answers requests. `request_s` is how long one may take, body included."""

    parts: Parts
    entrance: Entrance
    idempotency: Idempotency
    traced: TracedDatabase
    request_s: float

    def handler(self, route: Route) -> Handler:
        """Return what aiohttp calls for a route."""

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                async with asyncio.timeout(self.request_s):
                    told = await self._answer(route, request)
            except TimeoutError:
                told = problem_told(
                    ProblemError(Code.TOOK_TOO_LONG, "nobody knows whether it was done")
                )
            return response_of(told)

        return answer

    async def _answer(self, route: Route, request: web.Request) -> Told:
        try:
            token = self.entrance.admit(route, request)
            body = await _body(request)
            trace = trace_of(request)
            if trace is None:
                return await self._once(route, request, token, body)
            with self.traced.commented(trace):
                return await self._once(route, request, token, body)
        except Exception as error:  # noqa: BLE001 - one of the four doors
            return told_of(error, route)

    async def _once(self, route: Route, request: web.Request, token: Token, body: bytes) -> Told:
        key = request.headers.get("Idempotency-Key") if route.writes else None
        if key is None:
            return await self._run(route, request, token, body)
        if _KEY.fullmatch(key) is None:
            raise ProblemError(Code.BAD_PARAMETER, "`Idempotency-Key` has 1 to 255 visible letters")

        async def answer() -> Kept:
            try:
                told = await self._run(route, request, token, body)
            except Exception as error:
                if isinstance(error, ProblemError) and error.code in _NOTHING_DONE:
                    raise
                told = told_of(error, route)
                if json.loads(told.body)["code"] in _NOTHING_DONE:
                    raise
            return Kept(
                status=told.status,
                headers=json.dumps(dict(told.headers)),
                body=told.body.decode(),
            )

        asked = Request.of(token.name, key, method=request.method, path=request.path_qs, body=body)
        kept, again = await self.idempotency.once(asked, answer)
        headers = json.loads(kept.headers)
        if again:
            headers[REPLAYED] = "true"
        return Told(kept.status, headers, kept.body.encode())

    async def _run(self, route: Route, request: web.Request, token: Token, body: bytes) -> Told:
        entity = self._entity(route, request)
        given = _given(route, request, body)
        call = Call(
            parts=self.parts,
            token=token,
            path=request.match_info,
            given=given,
            headers=request.headers,
            entity=entity,
        )
        transaction = request.headers.get("Transaction") if route.transactional else None
        if transaction is None:
            return shown(await _handled(route, call))
        async with self.parts.transactions.using(transaction, token.name) as session:
            return shown(await _handled(route, replace(call, session=session)))

    def _entity(self, route: Route, request: web.Request) -> Entity | None:
        name = route.entity or request.match_info.get("entity")
        if name is None:
            return None
        entity = self.parts.entities.get(name)
        if entity is None:
            raise ProblemError(Code.NO_SUCH_ENTITY, f"{name[:60]!r} is not the name of a model")
        return entity


@web.middleware
async def problems_of_router(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell what no route answers as a problem, too."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return response_of(problem_told(ProblemError(Code.NO_SUCH_PLACE, "see /docs")))
    except web.HTTPMethodNotAllowed as refused:
        allowed = {"Allow": ", ".join(sorted(refused.allowed_methods))}
        problem = ProblemError(Code.METHOD_NOT_ALLOWED, "see /docs", headers=allowed)
        return response_of(problem_told(problem))


async def _handled(route: Route, call: Call) -> Reply:
    """Return what a handler answers; what models and databases refuse becomes a problem inside the transaction."""
    if route.handler is None:
        raise RuntimeError(f"the route {route.name} has no handler")
    try:
        return await route.handler(call)
    except ParallaxError as error:
        problem = problem_of(error)
        if problem is None:
            raise
        raise problem from error


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise ProblemError(Code.TOO_LARGE, "see the setting http.max_body_bytes") from error
    except web.RequestPayloadError as error:
        raise ProblemError(Code.BAD_REQUEST, "the body cannot be read") from error


def _given(route: Route, request: web.Request, body: bytes) -> Mapping[str, Any]:
    """Return the parameters, or the members of the body."""
    given = parameters_of(route, request)
    if route.body is None:
        return given
    # The commonest is not taken apart.
    if body and request.headers.get(hdrs.CONTENT_TYPE) != _JSON and request.content_type != _JSON:
        raise ProblemError(Code.NOT_JSON, f"{request.content_type[:60]!r} is not")
    return route.body.read(extended_json.loads(body) if body else {})


def parameters_of(route: Route, request: web.Request) -> Mapping[str, Any]:
    """Return the parameters; ProblemError for one that is not declared."""
    if not request.rel_url.raw_query_string:
        return read_members(route.query, NOTHING) if route.query else NOTHING
    query = {name: request.query.getall(name) for name in request.query}
    given = {}
    known = {member.name: member for member in route.query}
    for name, values in query.items():
        if name not in known or len(values) > 1:
            why = "twice" if name in known else "unknown here"
            raise ProblemError(Code.BAD_PARAMETER, f"the parameter {name[:60]!r} is {why}")
        given[name] = known[name].of_text(values[0])
    return read_members(route.query, given) if route.query else NOTHING


def trace_of(request: web.Request) -> str | None:
    """Return the trace that a request belongs to; None for none, or one that is not as W3C's Trace Context has it."""
    trace: str = request.get(SPAN, "") or request.headers.get(HEADER, "")
    return trace if trace and _TRACE.fullmatch(trace) else None


def shown(reply: Reply) -> Told:
    try:
        body = b"" if reply.document is None else extended_json.dumps(reply.document)
    except RecursionError as error:
        # Documents are never so deep; a tree of answers may be.
        raise ProblemError(Code.TOO_DEEP, "ask for a list instead of a tree") from error
    return Told(reply.status, reply.headers, body)


def told_of(error: Exception, route: Route) -> Told:
    if isinstance(error, ProblemError):
        return problem_told(error)
    problem = problem_of(error) if isinstance(error, ParallaxError) else None
    if problem is None:
        _log.error("http_failed", route=route.name, exc_info=error)
        problem = ProblemError(Code.BUG, "it is in the log")
    return problem_told(problem)


def problem_told(problem: ProblemError) -> Told:
    return Told(problem.status, problem.headers, problem.text().encode())


def response_of(told: Told) -> web.Response:
    if not told.body:
        return web.Response(status=told.status, headers=told.headers)
    kind = _KIND_OF_PROBLEM if told.status >= _LEAST_PROBLEM else _KIND_OF_ANSWER
    headers = {**told.headers, hdrs.CONTENT_TYPE: kind}
    return web.Response(status=told.status, headers=headers, body=told.body)
