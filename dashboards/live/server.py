"""The live page over HTTP: for this machine alone and read-only, or for whoever knows the token."""

import asyncio
import json
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from dashboards.live.actions import Actions, act
from dashboards.live.entrance import guard, login, proof_of
from dashboards.live.feed import EVERY_S, Declared, DeclaredBy, Feed
from dashboards.live.overview import Phases, in_shadow
from dashboards.live.page import Page
from dashboards.live.windows import DEFAULT, WINDOWS, Last, View
from proxy.ledger.read import Gates

_LIVE: Final = Path(__file__).parent
_REPORT: Final = _LIVE.parent / "report" / "templates"
_FILES: Final = {
    "/live.js": _LIVE / "static" / "live.js",
    "/act.js": _LIVE / "static" / "act.js",
    "/keys.js": _LIVE / "static" / "keys.js",
    "/live.css": _LIVE / "static" / "live.css",
    "/sort.js": _REPORT / "sort.js",
    "/style.css": _REPORT / "style.css",
}
_HEADERS: Final = {
    # The plots place their marks by `style` attributes.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_SHUTDOWN_S: Final = 1.0


def application(
    ledger: str,
    *,
    gates: Gates,
    declared: Declared = tuple,
    declared_by: DeclaredBy = dict,
    phases: Phases = in_shadow,
    token: str = "",
    actions: Actions | None = None,
) -> web.Application:
    """Return the pages of one ledger: of all collections, and of each; `declared` gives the rules as they are now, `declared_by` which of them came from here, `phases` what the flags say.

    Whoever knows the `token` may look from anywhere, and act where there are `actions`; without one, only this machine
    may look, and nobody acts.
    """
    acts = bool(token) and actions is not None
    page = Page(acts=acts)
    feed = Feed(
        ledger,
        gates=gates,
        page=page,
        declared=declared,
        declared_by=declared_by,
        phases=phases,
    )

    async def whole(request: web.Request) -> web.Response:
        about = request.match_info
        view = View(
            last=_window(request),
            namespace=about.get("namespace", ""),
            group=about.get("group", ""),
        )
        text = page.whole(await feed.content(view), view, proof_of(request) if acts else "")
        return web.Response(text=text, content_type="text/html")

    async def events(request: web.Request) -> web.StreamResponse:
        view = View(
            last=_window(request),
            namespace=request.query.get("collection", ""),
            group=request.query.get("group", ""),
        )
        return await _stream(request, feed, view)

    app = web.Application(middlewares=[guard(token)])
    if token:
        login(app, token)
    app.on_response_prepare.append(_protect)
    app.router.add_get("/", whole)
    app.router.add_get("/collections/{namespace}", whole)
    app.router.add_get("/mismatches/{group:[0-9a-f]{16}}", whole)
    app.router.add_get("/events", events)
    act(app, actions if acts else None)
    for path, file in _FILES.items():
        app.router.add_get(path, _file(file))
    return app


async def serve(app: web.Application, *, host: str, port: int) -> None:
    """Serve until cancelled. OSError where the address cannot be listened on."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


async def _stream(request: web.Request, feed: Feed, view: View) -> web.StreamResponse:
    """Send the content whenever it has changed, until the browser leaves."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    sent = ""
    while True:
        content = await feed.content(view)
        if content != sent:
            sent = content
            await response.write(f"event: content\ndata: {json.dumps(content)}\n\n".encode())
        await asyncio.sleep(EVERY_S)


def _window(request: web.Request) -> Last:
    name = request.query.get("last", DEFAULT)
    if name not in WINDOWS:
        raise web.HTTPBadRequest(text=f"`last` is one of {', '.join(WINDOWS)}")
    return WINDOWS[name]


def _file(path: Path) -> Handler:
    async def send(_: web.Request) -> web.FileResponse:
        return web.FileResponse(path)

    return send


async def _protect(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
