"""Whether Parallax itself can work here: its folder, its log, its ledger, its address."""

import asyncio
import errno
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from comparators.errors import ParallaxError
from proxy.cli.checks.finding import Checked, bad, doubtful, good
from proxy.cli.verify import rules_of
from proxy.ledger.read import status
from proxy.settings import Settings
from proxy.uris import address_of


async def check_here(settings: Settings) -> AsyncIterator[Checked]:
    """Yield what there is to know of this machine and of Parallax's own files."""
    yield _folder(settings.capture_directory)
    yield _room(settings)
    yield await _ledger(settings)
    yield _rules(settings)
    yield await _address(settings.listen.address)


def _folder(directory: Path) -> Checked:
    existing = directory
    while not existing.exists():
        existing = existing.parent
    if not os.access(existing, os.W_OK | os.X_OK):
        return bad(
            "capture log", f"{existing} is not writable", "set capture.directory or data.directory"
        )
    return good("capture log", str(directory))


def _room(settings: Settings) -> Checked:
    existing = settings.capture_directory
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    wanted = settings.capture.max_bytes
    if free < wanted:
        return doubtful(
            "disk",
            f"{free >> 20} MiB free, capture.max_bytes is {wanted >> 20} MiB",
            "make room or lower capture.max_bytes: when the disk is full, reads go unverified",
        )
    return good("disk", f"{free >> 20} MiB free")


async def _ledger(settings: Settings) -> Checked:
    if settings.ledger_uri.startswith("sqlite") and not _sqlite_file(settings).exists():
        return good("ledger", "will be created")
    try:
        found = await status(settings.ledger_uri)
    except ParallaxError as error:
        return bad("ledger", error.what, error.remedy)
    return good("ledger", f"{found.tally.seen} operations so far")


def _sqlite_file(settings: Settings) -> Path:
    return Path(settings.ledger_uri.partition(":///")[2])


def _rules(settings: Settings) -> Checked:
    try:
        rules_of(settings)
    except ParallaxError as error:
        return bad("rules", f"{error.what} ({error.where})", error.remedy)
    return good("rules", str(settings.rules_file))


async def _address(listen: str) -> Checked:
    where = address_of(listen)
    try:
        async with asyncio.timeout(2):
            free = await asyncio.to_thread(_is_free, where.host, where.port)
    except (OSError, TimeoutError) as error:
        return bad("listen address", f"{listen}: {error}", "name an address of this machine")
    return good("listen address", f"{listen} is {'free' if free else 'in use: a relay runs?'}")


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True
