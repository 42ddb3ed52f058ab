"""A small server that answers like Meilisearch: tasks that are done later, filters, and refusals with a code.

Against a real one the same tests run where MEILI_URL names it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

KEY = "a-key-for-tests"
_CONDITION = re.compile(r"(\w+) (=|>=|<) (\S+)")

_ONE_OF = re.compile(r"id IN \[(.*)\]")


class FakeMeilisearch:
    """Indexes in memory. `is_away` has every request fail, `is_another` answered as by something else; `refuses` has documents of a task refused."""

    def __init__(self) -> None:
        self.indexes: dict[str, dict[str, dict[str, Any]]] = {}
        self.settings: dict[str, dict[str, Any]] = {}
        self.tasks: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str, Any]] = []
        self.is_away = False
        self.is_another = False
        self.refuses = False

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._guarded])
        app.add_routes(
            [
                web.get("/version", self._version),
                web.get("/tasks/{uid}", self._task),
                web.patch("/indexes/{name}/settings", self._settings),
                web.post("/indexes/{name}/documents", self._put),
                web.post("/indexes/{name}/documents/delete", self._drop),
                web.post("/indexes/{name}/search", self._search),
                web.get("/indexes/{name}/stats", self._stats),
            ]
        )
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.is_away:
            if request.transport is not None:
                request.transport.close()
            return web.Response(status=503)
        if self.is_another:
            return web.json_response([])
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return _refusal(403, "invalid_api_key")
        body = await request.json() if request.can_read_body else None
        self.requests.append((request.method, request.path, body))
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"commitSha": "0", "commitDate": "0", "pkgVersion": "1.12.0"})

    async def _settings(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.settings[name] = await request.json()
        self.indexes.setdefault(name, {})
        return self._enqueued(name, "settingsUpdate")

    async def _put(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        documents = await request.json()
        if not self.refuses:
            index = self.indexes.setdefault(name, {})
            index.update({each["id"]: each for each in documents})
        return self._enqueued(name, "documentAdditionOrUpdate", fails=self.refuses)

    async def _drop(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        found = _ONE_OF.fullmatch((await request.json())["filter"])
        if found is None or "id" not in self.settings[name]["filterableAttributes"]:
            return _refusal(400, "invalid_document_filter")
        for key in found[1].split(", "):
            self.indexes.get(name, {}).pop(key, None)
        return self._enqueued(name, "documentDeletion")

    async def _search(self, request: web.Request) -> web.Response:
        name, asked = request.match_info["name"], await request.json()
        if name not in self.indexes:
            return _refusal(404, "index_not_found")
        if asked["matchingStrategy"] != "all":
            return _refusal(400, "invalid_search_matching_strategy")
        settings = self.settings.get(name, {})
        conditions = [_CONDITION.fullmatch(each) for each in asked.get("filter", [])]
        fields = [each[1] if each else "" for each in conditions]
        if not set(fields) <= set(settings.get("filterableAttributes", [])):
            return _refusal(400, "invalid_search_filter")
        found = [
            each
            for each in self.indexes[name].values()
            if all(_holds(each, condition) for condition in conditions)
            and _is_found(each, asked["q"], settings["searchableAttributes"])
        ]
        found.sort(key=lambda each: -_rank(each, asked["q"], settings["searchableAttributes"]))
        page = found[asked["offset"] : asked["offset"] + asked["limit"]]
        shown = asked["attributesToRetrieve"]
        hits = [{name: value for name, value in each.items() if name in shown} for each in page]
        return web.json_response(
            {"hits": hits, "estimatedTotalHits": len(found), "query": asked["q"]}
        )

    async def _stats(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.indexes:
            return _refusal(404, "index_not_found")
        n = len(self.indexes[name])
        return web.json_response(
            {"numberOfDocuments": n, "isIndexing": False, "fieldDistribution": {}}
        )

    async def _task(self, request: web.Request) -> web.Response:
        task = self.tasks[int(request.match_info["uid"])]
        # The first look finds it still under way.
        status, task["status"] = task["status"], "failed" if task["fails"] else "succeeded"
        error = {"code": "invalid_document_id", "message": "…"} if status == "failed" else None
        return web.json_response(_told(task) | {"status": status, "error": error})

    def _enqueued(self, name: str, kind: str, *, fails: bool = False) -> web.Response:
        task = {"uid": len(self.tasks), "index": name, "type": kind, "status": "processing"}
        self.tasks.append(task | {"fails": fails})
        answer = {
            "taskUid": task["uid"],
            "indexUid": name,
            "status": "enqueued",
            "type": kind,
            "enqueuedAt": "2026-01-01T00:00:00.000000Z",
        }
        return web.json_response(answer, status=202)


def _told(task: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "uid": task["uid"],
        "indexUid": task["index"],
        "type": task["type"],
        "canceledBy": None,
        "details": {},
        "duration": None,
        "enqueuedAt": "2026-01-01T00:00:00.000000Z",
        "startedAt": None,
        "finishedAt": None,
    }


def _holds(entry: Mapping[str, Any], condition: re.Match[str] | None) -> bool:
    if condition is None:
        return False
    field, operator, value = condition.groups()
    match operator:
        case "=":
            return bool(entry[field] == value)
        case ">=":
            return bool(entry[field] >= int(value))
        case _:
            return bool(entry[field] < int(value))


def _is_found(entry: Mapping[str, Any], text: str, fields: list[str]) -> bool:
    """Return whether an entry has all words, as with the matching strategy `all`."""
    return all(_rank(entry, word, fields) for word in text.split())


def _rank(entry: Mapping[str, Any], text: str, fields: list[str]) -> int:
    """Return in how many words the entry matches, those of the first fields before the others; by beginnings, as there."""
    rank = 0
    for weight, field in enumerate(reversed(fields), start=1):
        value = entry.get(field, "")
        words = (" ".join(value) if isinstance(value, list) else value).lower().split()
        for wanted in text.lower().split():
            rank += weight * any(word.startswith(wanted) for word in words)
    return rank


def _refusal(status: int, code: str) -> web.Response:
    return web.json_response(
        {"message": "refused", "code": code, "type": "invalid_request", "link": ""}, status=status
    )


@asynccontextmanager
async def running_meilisearch() -> AsyncIterator[tuple[FakeMeilisearch, str]]:
    """Run the server, and give it with the URL that our adapter takes."""
    fake = FakeMeilisearch()
    runner = web.AppRunner(fake.application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield fake, f"meilisearch://:{KEY}@127.0.0.1:{port}"
    finally:
        await asyncio.sleep(0)
        await runner.cleanup()
