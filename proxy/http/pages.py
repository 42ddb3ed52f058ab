"""What everybody may see: the OpenAPI document, Swagger UI on it, and whether the database answers."""

import json
from importlib import resources
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler

from adapters.repositories.gateway import RepositoryGateway

_UI: Final = Path(str(resources.files("swagger_ui"))) / "static"
_UNAVAILABLE: Final = 503
_FILES: Final = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Parallax</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<div id="ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</html>
"""
_START: Final = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#ui", deepLinking: true, docExpansion: "none", validatorUrl: null});'
_HEADERS: Final = {
    # Swagger UI draws its icons from data: addresses, and sets styles of its own.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def add_pages(app: web.Application, document: dict[str, Any], gateway: RepositoryGateway) -> None:
    """Add the pages to an application."""
    app.router.add_get("/openapi.json", _text(json.dumps(document), "application/json"))
    app.router.add_get("/docs", _text(_PAGE, "text/html"))
    app.router.add_get("/docs/start.js", _text(_START, "text/javascript"))
    for name in _FILES:
        app.router.add_get(f"/docs/{name}", _file(_UI / name))
    app.router.add_get("/health", health(gateway))


def health(gateway: RepositoryGateway) -> Handler:
    """Return what tells whether the database answers, and how fast."""

    async def tell(_: web.Request) -> web.Response:
        found = await gateway.health()
        told = {
            "database": "here" if found.healthy else "away",
            "latency_ms": round(found.latency_s * 1000, 3),
        }
        return web.json_response(told, status=200 if found.healthy else _UNAVAILABLE)

    return tell


def _text(text: str, kind: str) -> Handler:
    async def send(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type=kind, headers=_HEADERS)

    return send


def _file(path: Path) -> Handler:
    async def send(_: web.Request) -> web.FileResponse:
        return web.FileResponse(path, headers=_HEADERS)

    return send
