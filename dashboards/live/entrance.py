"""Who may see the pages: without a token this machine alone, with one whoever knows it.

Whoever has shown the token once gets a cookie that is worth nothing to another process, nor to this one after a restart. It is
never sent along by other pages, so that none of them can look through somebody's browser. To act it takes more: what only our own
pages know, and a request that came from one of them; or the token itself.
"""

import hmac
import ipaddress
import re
import secrets
from pathlib import Path
from typing import Final
from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

LOGIN: Final = "/login"
OPEN: Final = frozenset({LOGIN, "/style.css", "/live.css"})
"""What says nothing of the evidence, and is needed to log in."""
COOKIE: Final = "parallax"
_FOR_HOURS: Final = 12
_BEARER: Final = "Bearer "
PROOF: Final = "X-Parallax-Proof"
"""The header in which our own pages show that they are ours; no other page can read it, or send it unasked."""
_PAGE: Final = re.compile(
    r"/(collections/[\w.%~$-]+|mismatches/[0-9a-f]{16})?(\?last=\w+)?", re.ASCII
)
"""Where somebody may be sent after the login: a page of ours, never elsewhere."""
_FORM: Final = Path(__file__).parent / "templates" / "login.html"


def guard(token: str) -> Middleware:
    """Return what lets in those who may, and adds nothing for the others to see."""
    return _whoever_knows(token) if token else _this_machine


def login(app: web.Application, token: str) -> None:
    """Add the page on which the token is asked for."""
    form = _FORM.read_text(encoding="utf-8")

    async def ask(_: web.Request) -> web.Response:
        return web.Response(text=form, content_type="text/html")

    async def take(request: web.Request) -> web.Response:
        given = (await request.post()).get("token", "")
        if not isinstance(given, str) or not _same(given, token):
            return web.Response(text=form, content_type="text/html", status=401)
        wanted = request.query.get("to", "/")
        answer = web.Response(
            status=303, headers={"Location": wanted if _PAGE.fullmatch(wanted) else "/"}
        )
        answer.set_cookie(
            COOKIE,
            request.app[_PASS],
            max_age=_FOR_HOURS * 3600,
            httponly=True,
            samesite="Strict",
            secure=request.secure,
        )
        return answer

    app[_PASS] = secrets.token_urlsafe(32)
    app[_PROOF] = secrets.token_urlsafe(32)
    app[_TOKEN] = token
    app.router.add_get(LOGIN, ask)
    app.router.add_post(LOGIN, take)


_PASS: Final = web.AppKey("pass", str)
_PROOF: Final = web.AppKey("proof", str)
_TOKEN: Final = web.AppKey("token", str)


def proof_of(request: web.Request) -> str:
    """Return what a page has to show to act, for whoever may see it; empty where nobody may act."""
    return request.app.get(_PROOF, "")


def forbidden(request: web.Request) -> str | None:
    """Return why somebody who was let in may not act all the same, None where they may."""
    if _TOKEN not in request.app:
        return "without `dashboard.token` nobody may act"
    authorization = request.headers.get("Authorization", "")
    if _same(authorization.removeprefix(_BEARER), request.app[_TOKEN]):
        return None
    if not _same(request.headers.get(PROOF, ""), request.app[_PROOF]):
        return f"the request does not show in {PROOF} that it comes from a page of this dashboard"
    origin = request.headers.get("Origin", "")
    if origin.partition("://")[2] != request.host:
        return "the request comes from another page"
    return None


def _whoever_knows(token: str) -> Middleware:
    @web.middleware
    async def let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
        authorization = request.headers.get("Authorization", "")
        may = (
            request.path in OPEN
            or _same(request.cookies.get(COOKIE, ""), request.app[_PASS])
            or _same(authorization.removeprefix(_BEARER), token)
        )
        if may:
            return await handler(request)
        if "text/html" in request.headers.get("Accept", ""):
            raise web.HTTPSeeOther(f"{LOGIN}?to={quote(request.path_qs, safe='')}")
        raise web.HTTPUnauthorized(
            text="this page asks for the token in `dashboard.token`",
            headers={"WWW-Authenticate": "Bearer"},
        )

    return let_in


@web.middleware
async def _this_machine(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse names that merely lead here: a page elsewhere could have its own name point at this machine."""
    if not is_loopback(request.url.host or ""):
        raise web.HTTPForbidden(text="this page answers to 127.0.0.1 and localhost alone")
    return await handler(request)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, as seen from itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _same(given: str, wanted: str) -> bool:
    """Return whether two texts are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode())
