"""What takes a collection back whatever another provider says: two small files that relay and verifier share.

The relay notes for whom it lets the gateway answer before it does so; the verifier puts the brake on what is noted there. A brake that
is on holds a direction of a collection in `shadow` until a person releases it. One that cannot be read is on everything.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import structlog

from comparators.errors import SettingsError
from proxy.changed_file import sole_change, sole_change_of
from proxy.flags.document import Said, Standing, key_of
from proxy.flags.phases import BEYOND_SHADOW, Direction, Phase
from proxy.flags.reversal import ALL, Answering

_log = structlog.get_logger()

BRAKE: Final = "brake.json"
SERVED: Final = "served.json"
LOOK_EVERY_S: Final = 0.05
RENEWED_AFTER_NS: Final = 60 * 10**9
FORGOTTEN_AFTER_NS: Final = 3_600 * 10**9
"""Longer than the verifier may be behind with what is still to be acted upon."""
_UNREADABLE: Final = "the brake cannot be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Braked:
    """Since when a brake is on, and why."""

    at_ns: int
    why: str


class Brake:
    """The files of one data directory."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / BRAKE
        self._served_file = directory / SERVED
        self._seen: tuple[int, int, int] | None = None
        self._on: Mapping[str, Braked] = {}
        self._served: dict[str, tuple[Phase, int]] = {}
        self._is_known = False

    # ---- the relay

    async def watch(self, changed: Callable[[], None]) -> None:
        """Follow the brake until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self.look():
                changed()

    def look(self) -> bool:
        """Read the brake if it was touched since the last look, and return whether it was."""
        signature = self._signature()
        if signature == self._seen:
            return False
        self._seen = signature
        try:
            self._on = self.read()
        except SettingsError as error:
            _log.error("brake_broken", error=error.what, remedy=error.remedy)
            self._on = {way.value: Braked(at_ns=0, why=_UNREADABLE) for way in Direction}
        return True

    def is_on(self, direction: Direction, namespace: str) -> bool:
        """Return whether the brake is on, of this collection or of all."""
        return direction.value in self._on or key_of(direction, namespace) in self._on

    def lets(self, direction: Direction, namespace: str, phase: Phase) -> bool:
        """Note that the gateway is to answer, or to be waited for; return whether that can be taken back."""
        if phase not in BEYOND_SHADOW:
            return True
        if not self._is_known:
            self._is_known = True
            # What an earlier relay has noted; one that is broken is replaced.
            with suppress(SettingsError):
                self._served = dict(_recent(self._served_file))
        key, now_ns = key_of(direction, namespace), time.time_ns()
        noted = self._served.get(key)
        if noted is not None and noted[0] is phase and now_ns - noted[1] < RENEWED_AFTER_NS:
            return True
        self._served[key] = phase, now_ns
        told = {key: {"phase": each, "at_ns": at_ns} for key, (each, at_ns) in self._served.items()}
        try:
            _replace(self._served_file, told)
        except SettingsError as error:
            del self._served[key]
            _log.error("brake_broken", error=error.what, remedy=error.remedy)
            return False
        return True

    # ---- the verifier

    def answering(self) -> Answering:
        """Return for which collections the relay has let the gateway answer of late."""
        names = frozenset(key.partition(":")[2] for key in self.served())
        return Answering(names, names.__contains__)

    def served(self) -> Mapping[str, Said]:
        """Return the phases beyond `shadow` that the relay went by of late, and the brake has not taken back."""
        on = self.read()
        return {
            key: Said(phase=phase)
            for key, (phase, at_ns) in _recent(self._served_file)
            if not _is_among(on, key)
        }

    def set_back(self, heard: Mapping[str, str]) -> list[tuple[Standing, str]]:
        """Put the brake on collections of which something was heard, and return what they were in, with the reasons."""
        changed: list[tuple[Standing, str]] = []
        with sole_change(self._file):
            on = dict(self.read())
            served = self.served()
            for (namespace, reason), way in product(heard.items(), Direction):
                name = "" if namespace == ALL else namespace
                said = _said_of(served, way, name)
                if said is not None and key_of(way, name) not in on:
                    on[key_of(way, name)] = Braked(at_ns=time.time_ns(), why=reason)
                    changed.append((Standing(direction=way, namespace=name, said=said), reason))
            if changed:
                self._write(on)
        return changed

    # ---- everybody

    def read(self) -> Mapping[str, Braked]:
        """Return which brakes are on, by flag; SettingsError where nobody can tell."""
        try:
            told = json.loads(self._file.read_text(encoding="utf-8"))
            return {
                str(key): Braked(at_ns=int(each["at_ns"]), why=str(each["why"]))
                for key, each in told.items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise SettingsError(
                f"{_UNREADABLE}: {type(error).__name__}",
                where=str(self._file),
                remedy="mend the file or remove it, which releases everything; until then everything is in `shadow`",
            ) from error

    @asynccontextmanager
    async def releasing(self, namespace: str) -> AsyncIterator[Mapping[Direction, Braked]]:
        """Give what is on of a collection, and release it at the end; an empty namespace is that of all."""
        async with sole_change_of(self._file):
            on = self.read()
            found = {
                way: on[key_of(way, namespace)] for way in Direction if key_of(way, namespace) in on
            }
            yield found
            gone = {key_of(way, namespace) for way in found}
            self._write({key: each for key, each in on.items() if key not in gone})

    def _write(self, on: Mapping[str, Braked]) -> None:
        told = {key: {"at_ns": each.at_ns, "why": each.why} for key, each in sorted(on.items())}
        _replace(self._file, told)

    def _signature(self) -> tuple[int, int, int]:
        try:
            found = self._file.stat()
        except OSError:
            return 0, 0, 0
        return found.st_mtime_ns, found.st_size, found.st_ino


def _recent(file: Path) -> Iterator[tuple[str, tuple[Phase, int]]]:
    """Give what the relay has noted and renewed; nothing where it never has."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        for key, each in told.items():
            if time.time_ns() - int(each["at_ns"]) < FORGOTTEN_AFTER_NS:
                yield key, (Phase(each["phase"]), int(each["at_ns"]))
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SettingsError(
            f"for whom the gateway answers cannot be read: {type(error).__name__}",
            where=str(file),
            remedy="remove the file while the sidecar does not run",
        ) from error


def _is_among(on: Mapping[str, Braked], key: str) -> bool:
    return key in on or key.partition(":")[0] in on


def _said_of(served: Mapping[str, Said], way: Direction, namespace: str) -> Said | None:
    """Return what the relay went by; of all collections where the namespace is empty."""
    if namespace:
        return served.get(key_of(way, namespace))
    found = (said for key, said in served.items() if key.partition(":")[0] == way)
    return next(found, None)


def _replace(file: Path, told: Mapping[str, Any]) -> None:
    half = file.with_name(f"{file.name}.new")
    try:
        half.write_text(json.dumps(told) + "\n", encoding="utf-8")
        half.replace(file)
    except OSError as error:
        raise SettingsError(
            f"the brake cannot be written: {error.strerror}",
            where=str(file),
            remedy="let this user write in the data directory",
        ) from error
