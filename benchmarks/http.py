"""The HTTP API on either database, beside bare aiohttp handlers with the same statements.

    python -m benchmarks --only http

All servers are processes of their own and take turns at each single request, so that what else the machine does hits them alike. They
answer with the same documents, which is looked at before anything is measured; `constant` asks no database.
"""

import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final
from uuid import UUID

import aiohttp
import asyncpg

from adapters.mongoose.models import LIBRECHAT
from benchmarks.bare_handler import DATABASE
from benchmarks.figure import Figure, Part, at_most
from benchmarks.table import Cell, table
from proxy.embedded import embedded_mongo, embedded_postgres
from proxy.embedded.http import embedded_http
from proxy.embedded.process import ServerProcess, accepts_connections, free_port

BARE_AIM: Final = 1.3
LEGACY_AIM: Final = 1.05
CONVERSATIONS: Final = 50
MESSAGES: Final = 20
SIDES_AT: Final = 40
"""The bit of a message's number from which on it tells of its server."""
WARM_UP: Final = 100
READY_WITHIN_S: Final = 60
TEXT: Final = "A message of medium length, as people write them. " * 4
OURS: Final = ("gateway", "legacy")
FLOOR: Final = "constant"
UNIQUE: Final = frozenset(
    {"_id", "messageId", "conversationId", "tokenCount", "createdAt", "updatedAt"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A server, and where its documents are."""

    address: str
    session: aiohttp.ClientSession
    identifiers: list[str]
    process: int

    def spent_us(self) -> float:
        """Return the processor time that the server's threads have taken so far: the kernel's own count, to the nanosecond."""
        threads = Path(f"/proc/{self.process}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in threads) / 1000

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        async with self.session.request(method, self.address + path, json=body) as response:
            assert response.status in {200, 201}, await response.text()
            return await response.json()


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One request on all sides: p50 and p99, processor time of the server, and p50 of the gateway as multiples."""

    request: str
    times_us: Mapping[str, tuple[float, float]]
    processor_us: Mapping[str, float]
    to_asyncpg: float
    to_legacy: float
    legacy_to_motor: float


def conversation(number: int) -> str:
    """Return the conversation of a message: one of those of its server alone."""
    return f"conversation{number >> SIDES_AT}.{number % CONVERSATIONS}"


def message(number: int) -> dict[str, Any]:
    """Return a message as a client sends it."""
    return {
        "messageId": str(UUID(int=number)),
        "conversationId": conversation(number),
        "user": "user",
        "sender": "User",
        "text": TEXT,
        "tokenCount": number % 1000,
        "isCreatedByUser": True,
    }


async def benchmark(*, rounds: int, seconds: float) -> Part:
    """Let all sides take turns at creating, getting and listing."""
    with tempfile.TemporaryDirectory(prefix="parallax-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        async with _sides(directory) as (sides, dsn):
            numbers = iter(range(1, sys.maxsize))
            for _ in range(CONVERSATIONS * MESSAGES):
                await _create(sides, next(numbers))
            await _demand_the_same(sides)
            found = []
            for request, turn in _turns(numbers).items():
                await _vacuumed(dsn)
                found.append(await _compared(request, sides, turn, rounds, seconds))
    return _part(found)


async def _vacuumed(dsn: str) -> None:
    """Do for both tables on PostgreSQL what else autovacuum does in the midst of a request, or not at all."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


@asynccontextmanager
async def _sides(directory: Path) -> AsyncIterator[tuple[Mapping[str, Side], str]]:
    """Run all servers; give them, and the address of PostgreSQL."""
    models = json.loads(LIBRECHAT.read_text())
    models["models"] = [each for each in models["models"] if each["model"] == "Message"]
    (directory / "models.json").write_text(json.dumps(models))
    settings = {
        "PARALLAX_HTTP_NAME": DATABASE,
        "PARALLAX_HTTP_MODELS": str(directory / "models.json"),
        "PARALLAX_HTTP_REQUESTS_PER_S": "0",
        "PARALLAX_HTTP_ENSURE_INDEXES": "true",
        "PARALLAX_GATEWAY_ENTITIES": "librechat",
    }
    async with AsyncExitStack() as held:
        mongo = await held.enter_async_context(embedded_mongo(directory / "mongo"))
        postgres = await held.enter_async_context(embedded_postgres(directory / "postgresql"))
        dsn = postgres.dsn_of("postgres")
        addresses, servers = {}, {}
        for name, database in zip(OURS, (dsn, mongo.uri), strict=True):
            serving = embedded_http(directory / name, database=database, settings=settings)
            served = await held.enter_async_context(serving)
            addresses[name], servers[name] = f"{served.address}/v1/Message", _pid(served.process)
        for kind, uri in (
            ("asyncpg", dsn),
            ("motor", mongo.uri),
            ("pymongo", mongo.uri),
            (FLOOR, ""),
        ):
            address, servers[kind] = await held.enter_async_context(_bare(directory, kind, uri))
            addresses[kind] = f"{address}/messages"
        headers = {"Authorization": "Bearer admin"}
        sides = {
            name: Side(
                address=address,
                session=await held.enter_async_context(aiohttp.ClientSession(headers=headers)),
                identifiers=[],
                process=servers[name],
            )
            for name, address in addresses.items()
        }
        yield sides, dsn


@asynccontextmanager
async def _bare(directory: Path, kind: str, uri: str) -> AsyncIterator[tuple[str, int]]:
    port = free_port()
    process = ServerProcess(
        name=kind,
        command=[sys.executable, "-m", "benchmarks.bare_handler", kind, uri, str(port)],
        directory=directory,
        log_path=directory / f"{kind}.log",
    )
    process.start()
    try:
        await process.ready(lambda: accepts_connections(port), within_s=READY_WITHIN_S)
        yield f"http://127.0.0.1:{port}", _pid(process)
    finally:
        await process.stop(within_s=READY_WITHIN_S)


def _pid(process: ServerProcess) -> int:
    assert process.pid is not None, f"{process.name} has ended"
    return process.pid


async def _create(sides: Mapping[str, Side], number: int) -> None:
    for place, side in enumerate(sides.values()):
        # The databases are shared, the ids of messages are unique.
        made = await side.ask("POST", "", message(number + (place << SIDES_AT)))
        identifier = made["_id"]
        side.identifiers.append(identifier["$oid"] if isinstance(identifier, dict) else "0" * 24)


async def _demand_the_same(sides: Mapping[str, Side]) -> None:
    """Raise AssertionError unless all databases answer with the same document, by its id and in a list."""
    shown = []
    for name, side in sides.items():
        if name == FLOOR:
            continue
        document = await side.ask("GET", f"/{side.identifiers[0]}")
        own = {"conversationId": document["conversationId"]}
        asked = (
            {"filter": own, "sort": {"createdAt": 1}, "limit": MESSAGES} if name in OURS else own
        )
        items = (await side.ask("POST", "/query", asked))["items"]
        assert len(items) == MESSAGES, f"{name} lists {len(items)} documents"
        shown += [_without_own(document), _without_own(items[0])]
    assert all(each == shown[0] for each in shown), shown


def _without_own(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document without what is another in each."""
    return {name: value if name not in UNIQUE else type(value) for name, value in document.items()}


Turn = Callable[[], Mapping[str, tuple[str, str, Any]]]
"""Gives the next request to each side: method, path and body."""


def _turns(numbers: Any) -> Mapping[str, Callable[[Mapping[str, Side]], Any]]:
    def create(sides: Mapping[str, Side]) -> Any:
        number = next(numbers)
        return {
            name: ("POST", "", message(number + (place << SIDES_AT)))
            for place, name in enumerate(sides)
        }

    def get(sides: Mapping[str, Side]) -> Any:
        number = next(numbers)
        return {
            name: ("GET", f"/{side.identifiers[number % len(side.identifiers)]}", None)
            for name, side in sides.items()
        }

    def listed(sides: Mapping[str, Side]) -> Any:
        number = next(numbers)
        return {
            name: ("POST", "/query", _listing(name, conversation(number + (place << SIDES_AT))))
            for place, name in enumerate(sides)
        }

    return {"create": create, "get by id": get, "list of 20": listed}


def _listing(name: str, of: str) -> dict[str, Any]:
    own = {"conversationId": of}
    return {"filter": own, "sort": {"createdAt": 1}, "limit": MESSAGES} if name in OURS else own


async def _compared(
    request: str,
    sides: Mapping[str, Side],
    turn: Callable[[Mapping[str, Side]], Any],
    rounds: int,
    seconds: float,
) -> Compared:
    print(f"{request} …", file=sys.stderr)
    for _ in range(WARM_UP):
        await _once(sides, turn(sides))
    times: dict[str, list[float]] = {name: [] for name in sides}
    middles: dict[str, list[float]] = {name: [] for name in sides}
    before = {name: side.spent_us() for name, side in sides.items()}
    for _ in range(rounds):
        of_round: dict[str, list[float]] = {name: [] for name in sides}
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            for name, spent in (await _once(sides, turn(sides))).items():
                of_round[name].append(spent)
        for name, spent_us in of_round.items():
            times[name] += spent_us
            middles[name].append(median(spent_us))
    return Compared(
        request=request,
        times_us={
            name: (median(spent), quantiles(spent, n=100)[98]) for name, spent in times.items()
        },
        processor_us={
            name: (side.spent_us() - before[name]) / len(times[name])
            for name, side in sides.items()
        },
        to_asyncpg=_ratio(middles["gateway"], middles["asyncpg"]),
        to_legacy=_ratio(middles["gateway"], middles["legacy"]),
        legacy_to_motor=_ratio(middles["legacy"], middles["motor"]),
    )


async def _once(
    sides: Mapping[str, Side], asked: Mapping[str, tuple[str, str, Any]]
) -> dict[str, float]:
    spent = {}
    for name, side in sides.items():
        began = time.perf_counter()
        await side.ask(*asked[name])
        spent[name] = (time.perf_counter() - began) * 1e6
    return spent


def _ratio(one: list[float], other: list[float]) -> float:
    return median(each / against for each, against in zip(one, other, strict=True))


def _part(found: list[Compared]) -> Part:
    figures = []
    for one in found:
        figures += [
            Figure(
                name=f"{one.request}, gateway p50 : bare asyncpg's",
                value=one.to_asyncpg,
                aim=at_most(BARE_AIM),
            ),
            Figure(
                name=f"{one.request}, gateway p50 : legacy's",
                value=one.to_legacy,
                aim=at_most(LEGACY_AIM),
            ),
            Figure(name=f"{one.request}, legacy p50 : bare Motor's", value=one.legacy_to_motor),
            Figure(
                name=f"{one.request}, processor time of the gateway's front : bare asyncpg's",
                value=one.processor_us["gateway"] / one.processor_us["asyncpg"],
            ),
        ]
    sides = list(found[0].times_us)
    rows: list[tuple[Cell, ...]] = [
        (one.request, name, *one.times_us[name], one.processor_us[name])
        for one in found
        for name in sides
    ]
    headings = ("request", "server", "p50 µs", "p99 µs", "processor µs")
    return Part(
        figures=tuple(figures), text=table(headings, rows), detail=[asdict(one) for one in found]
    )
