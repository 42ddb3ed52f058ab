"""Whether Parallax itself can work here: its folder, its log, its ledger, its address."""

import asyncio
import errno
import os
import shutil
import socket
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from comparators.errors import ParallaxError
from comparators.rules import Rules
from proxy.cli.checks.finding import Checked, bad, doubtful, good
from proxy.cli.relay_status import read_status
from proxy.ledger.engine import NoLedgerError
from proxy.ledger.read import status
from proxy.settings import Settings
from proxy.uris import address_of

EXPIRY_NOTICE: Final = timedelta(days=30)
_RESOLVE_WITHIN_S: Final = 2


async def check_here(settings: Settings) -> AsyncIterator[Checked]:
    """Yield what there is to know of this machine and of Parallax's own files."""
    folder = _folder(settings.capture_directory)
    yield folder
    yield _room(settings)
    yield await _ledger(settings)
    yield check_rules(settings.rules_file, datetime.now(UTC).date())
    yield await _address(settings)


def _folder(directory: Path) -> Checked:
    existing = _nearest(directory)
    if not existing.is_dir():
        remedy = "set capture.directory or data.directory to a folder"
        return bad("capture log", f"{existing} is not a folder", remedy)
    if not os.access(existing, os.W_OK | os.X_OK):
        remedy = "set capture.directory or data.directory to a folder this user may write"
        return bad("capture log", f"{existing} is not writable", remedy)
    return good("capture log", str(directory))


def _nearest(path: Path) -> Path:
    """Return the path or the nearest one above it that exists."""
    path = path.absolute()
    return next(candidate for candidate in (path, *path.parents) if candidate.exists())


def _room(settings: Settings) -> Checked:
    free = shutil.disk_usage(_nearest(settings.capture_directory)).free
    wanted = settings.capture.max_bytes
    if free < wanted:
        return doubtful(
            "disk",
            f"{free >> 20} MiB free, capture.max_bytes is {wanted >> 20} MiB",
            "make room or lower capture.max_bytes: when the disk is full, reads go unverified",
        )
    return good("disk", f"{free >> 20} MiB free")


async def _ledger(settings: Settings) -> Checked:
    try:
        found = await status(settings.ledger_uri)
    except NoLedgerError:
        return good("ledger", "none yet; the verifier will begin one")
    except ParallaxError as error:
        return bad("ledger", error.what, error.remedy)
    return good("ledger", f"{found.tally.seen} operations so far")


def check_rules(file: Path, today: date) -> Checked:
    """Judge the rules file as it will be on that day, and soon after."""
    try:
        rules = Rules.load(file, today)
    except ParallaxError as error:
        return bad("rules", f"{error.what} ({error.where})", error.remedy)
    soon = [rule for rule in rules.rules if rule.expires < today + EXPIRY_NOTICE]
    if soon:
        first = min(soon, key=lambda rule: rule.expires)
        return doubtful(
            "rules",
            f"{first.name} expires on {first.expires} ({first.owner})",
            "renew or delete it before: with an expired rule Parallax does not start",
        )
    return good("rules", f"{len(rules.rules)} in {file}")


async def _address(settings: Settings) -> Checked:
    subject, listen = "listen address", settings.listen.address
    where = address_of(listen)
    try:
        async with asyncio.timeout(_RESOLVE_WITHIN_S):
            is_free = await asyncio.to_thread(_is_free, where.host, where.port)
    except (OSError, TimeoutError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return bad(subject, f"{listen}: {reason}", "name an address of this machine")
    if is_free:
        return good(subject, f"{listen} is free")
    relay = read_status(settings.data_directory)
    if relay is not None and relay.is_alive:
        return good(subject, f"{listen} is served by the relay with pid {relay.pid}")
    return bad(
        subject,
        f"{listen} is in use, and not by a relay with this data directory",
        "stop the program that listens there, or set listen.address",
    )


def _is_free(host: str, port: int) -> bool:
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True
