"""How long each request took, by its route."""

import time
from collections.abc import Callable
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

Answered = Callable[[str, str, int, float], None]
"""Told the method, the route, the status and the seconds of every answer."""
OTHER: Final = "_OTHER"
"""What a method is called that HTTP does not know, so that labels stay few."""


def timed(answered: Answered) -> Middleware:
    """Return the outermost middleware: every answer has a status by then."""

    @web.middleware
    async def timing(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.perf_counter()
        response = await handler(request)
        resource = request.match_info.route.resource
        route = "" if resource is None else resource.canonical
        method = request.method if request.method in hdrs.METH_ALL else OTHER
        answered(method, route, response.status, time.perf_counter() - began)
        return response

    return timing
