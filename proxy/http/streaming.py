"""Requests whose body, or whose answer, goes piece by piece: each piece has the time of a request."""

from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from proxy.http.call import Call, Reply
from proxy.http.declared import Route, Stream
from proxy.http.door import parameters_of, problem_told, response_of, shown, told_of, trace_of
from proxy.http.entrance import Entrance
from proxy.http.parts import Parts
from proxy.http.problems import Code, ProblemError
from proxy.http.traced import TracedDatabase


@dataclass(frozen=True, slots=True, kw_only=True)
class Streaming:
    """Answers such requests, as a `Door` does others."""

    parts: Parts
    entrance: Entrance
    traced: TracedDatabase

    def handler(self, route: Route, stream: Stream) -> Handler:
        """Return what aiohttp calls for a route."""

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                told = await self._answer(route, stream, request)
            except TimeoutError:
                wait = ProblemError(Code.TOOK_TOO_LONG, "nobody knows whether it was done")
                return response_of(problem_told(wait))
            except Exception as error:  # noqa: BLE001 - one of the four doors
                return response_of(told_of(error, route))
            return response_of(shown(told)) if isinstance(told, Reply) else told

        return answer

    async def _answer(
        self, route: Route, stream: Stream, request: web.Request
    ) -> web.StreamResponse | Reply:
        token = self.entrance.admit(route, request)
        call = Call(
            parts=self.parts,
            token=token,
            path=request.match_info,
            given=parameters_of(route, request),
            headers=request.headers,
        )
        with self.traced.commented(trace_of(request)):
            return await stream(call, request)
