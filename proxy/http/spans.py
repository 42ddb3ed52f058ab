"""Each request as a span, below the one that its header names; operations of the database are below it.

Source: OpenTelemetry semantic conventions, "HTTP server spans".
"""

import time
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from proxy.http.timed import OTHER
from proxy.tracing.context import parent_of
from proxy.tracing.served import Served
from proxy.tracing.stints import as_header

HEADER: Final = "traceparent"
SPAN: Final = "span"
"""Where a request holds its own span, as a `traceparent`."""
_BUG: Final = 500


def spans_of(served: Served) -> Middleware:
    """Return the middleware; what fails by our fault is told of always."""

    @web.middleware
    async def telling(request: web.Request, handler: Handler) -> web.StreamResponse:
        above = parent_of(request.headers.get(HEADER))
        span = served.begun(above)
        if span.is_sampled:
            # Else what the database is asked belongs to the client's own span.
            request[SPAN] = as_header(span)
        began_ns, began = time.time_ns(), time.perf_counter()
        response = await handler(request)
        seconds = time.perf_counter() - began
        resource = request.match_info.route.resource
        route = "" if resource is None else resource.canonical
        method = request.method if request.method in hdrs.METH_ALL else OTHER
        is_ours = response.status >= _BUG
        served.ended(
            span,
            f"{method} {route}".rstrip(),
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": response.status,
            },
            above=above,
            began_ns=began_ns,
            seconds=seconds,
            error=str(response.status) if is_ours else None,
            went_wrong=is_ours,
        )
        return response

    return telling
