"""The ways to the data that a benchmark compares: what is needed for each, and how it is started."""

import shutil
import signal
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from pymongo.uri_parser import parse_uri

from comparators.errors import SettingsError
from proxy.embedded.command import ListeningCommand
from proxy.embedded.process import ServerProcess, free_port
from proxy.settings import Settings
from proxy.wire.legacy import LegacyServers, legacy_servers

HAPROXY_PLACES: Final = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
_LOGIN: Final = ("authsource", "authmechanism")


class Way(StrEnum):
    """A way to the data, in the order in which they are shown."""

    DIRECT = "direct"
    PROXY = "proxy"
    GATEWAY = "gateway"
    HAPROXY = "haproxy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A way that can be asked. `process` is the one that was started for it; None for none."""

    way: Way
    uri: str
    part: str = ""
    process: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """Those that are measured, and why others are not."""

    opened: tuple[Opened, ...]
    absent: Mapping[str, str]


@asynccontextmanager
async def opened_ways(
    settings: Settings, directory: Path, *, wanted: Collection[Way], running: Mapping[Way, str]
) -> AsyncIterator[Ways]:
    """Start what the wanted ways need, below a folder, and stop it at the end; without any wanted, all that can be had.

    `running` names addresses of what runs already.
    """
    found: list[Opened] = []
    absent: dict[str, str] = {}
    async with AsyncExitStack() as held:
        for way in Way:
            if wanted and way not in wanted:
                continue
            if way in running:
                found.append(Opened(way=way, uri=running[way]))
                continue
            objection = objection_to(way, settings)
            if objection is None:
                found.append(await _open(held, way, settings, directory / way.value))
            elif way in wanted:
                raise SettingsError(
                    f"{way.value} cannot be measured: {objection}",
                    where="--target",
                    remedy=f"give what is missing, or say where it runs with --at {way.value}=URI",
                )
            else:
                absent[way.value] = objection
        yield Ways(opened=tuple(found), absent=absent)


def objection_to(way: Way, settings: Settings) -> str | None:
    """Return why a way cannot be measured; None where it can."""
    if way is Way.GATEWAY:
        return None if settings.gateway.uri else "gateway.uri is not set"
    if not settings.legacy.uri:
        return "legacy.uri is not set"
    if way is not Way.HAPROXY:
        return None
    if shutil.which("haproxy", path=HAPROXY_PLACES) is None:
        return "haproxy is not installed"
    servers = legacy_servers(settings.legacy.uri)
    if len(servers.seeds) > 1 or servers.tls is not None:
        return "it is put before a single MongoDB without TLS alone"
    return None


async def _open(held: AsyncExitStack, way: Way, settings: Settings, directory: Path) -> Opened:
    match way:
        case Way.DIRECT:
            return Opened(way=way, uri=settings.legacy.uri)
        case Way.PROXY:
            return await _started(held, _relay(settings, directory), way, "relay", settings)
        case Way.GATEWAY:
            command = _gateway(settings, directory)
            held.push_async_callback(command.stop)
            await command.start()
            return Opened(way=way, uri=command.uri, part="gateway", process=command.process.pid)
        case Way.HAPROXY:
            command = _haproxy(legacy_servers(settings.legacy.uri), directory)
            return await _started(held, command, way, "haproxy", settings)


async def _started(
    held: AsyncExitStack, command: ListeningCommand, way: Way, part: str, settings: Settings
) -> Opened:
    held.push_async_callback(command.stop)
    await command.start()
    uri = through(settings.legacy.uri, command.port)
    return Opened(way=way, uri=uri, part=part, process=command.process.pid)


def _relay(settings: Settings, directory: Path) -> ListeningCommand:
    """Return a relay with a capture log of its own and nobody to verify it."""
    return ListeningCommand.of(
        "serve",
        directory,
        settings={
            "PARALLAX_LEGACY_URI": settings.legacy.uri,
            "PARALLAX_DATA_DIRECTORY": str(directory / "data"),
        },
        arguments=("--no-verifier",),
    )


def _gateway(settings: Settings, directory: Path) -> ListeningCommand:
    return ListeningCommand.of(
        "gateway",
        directory,
        settings={
            "PARALLAX_GATEWAY_URI": settings.gateway.uri,
            "PARALLAX_GATEWAY_ENTITIES": settings.gateway.entities,
        },
        arguments=(),
    )


def _haproxy(servers: LegacyServers, directory: Path) -> ListeningCommand:
    """Return HAProxy as a mere forwarder of bytes: one thread, as the relay has."""
    directory.mkdir(parents=True)
    listening = free_port()
    config = directory / "haproxy.cfg"
    config.write_text(
        # With the default buffer of 16 KB it loses on large replies.
        "global\n  nbthread 1\n  tune.bufsize 65536\n"
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n"
        f"listen mongo\n  bind 127.0.0.1:{listening}\n  server mongo {servers.seeds[0]}\n"
    )
    binary = shutil.which("haproxy", path=HAPROXY_PLACES) or "haproxy"
    return ListeningCommand(
        port=listening,
        process=ServerProcess(
            name="haproxy",
            command=[binary, "-db", "-f", str(config)],
            directory=directory,
            log_path=directory / "haproxy.log",
            death_signal=signal.SIGTERM,
        ),
    )


def through(uri: str, port: int) -> str:
    """Return the address of what stands before MongoDB on a port of this machine, with MongoDB's login."""
    parsed = parse_uri(uri, warn=False)
    options = {str(name).lower(): str(value) for name, value in parsed["options"].items()}
    kept: dict[str, str] = {name: options[name] for name in _LOGIN if name in options}
    if parsed["username"] and "authsource" not in kept:
        kept["authsource"] = parsed["database"] or "admin"
    login = ""
    if parsed["username"]:
        secret = quote(parsed["password"] or "", safe="")
        login = f"{quote(parsed['username'], safe='')}:{secret}@"
    kept["directConnection"] = "true"
    return f"mongodb://{login}127.0.0.1:{port}/?{urlencode(kept)}"
