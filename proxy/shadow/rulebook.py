"""The rules in force: those of a file, taken up while the verifier works.

A file that is broken, or in which a rule has expired, changes nothing: the last good rules stay in force, and it is said so.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

from comparators.errors import RefusedError, SettingsError
from comparators.rules import Rules
from proxy.declared_rule import rules_text
from proxy.ledger.entries import EventKind
from proxy.ledger.orders import Order
from proxy.marked_rules import withdrawn_in

NAME: Final = "rule"
"""Where an order names the rule that is to be in force, or no more."""
EVERY_S: Final = 1.0

_log = structlog.get_logger()

_Stamp = tuple[int, int, int] | None


class Happened(Protocol):
    """Enters an event."""

    def __call__(self, kind: EventKind, *, detail: str = "", n: int = 1) -> None:
        """Enter that it happened."""


class Rulebook:
    """What is asked for the rules each time something is judged."""

    def __init__(self, rules: Rules | None = None, file: Path | None = None) -> None:
        """Without a file the rules never change."""
        self.now = Rules() if rules is None else rules
        self._file = file
        self._refused: SettingsError | None = None
        self._seen = _stamp(file)

    @staticmethod
    def of(file: Path) -> "Rulebook":
        """Return the rules of a file; SettingsError where there are no good ones to begin with."""
        seen = _stamp(file)
        book = Rulebook(Rules.load(file, _today()), file)
        # What is written while it is read is read again.
        book._seen = seen
        return book

    def reveals(self, namespace: str, path: str) -> bool:
        """Return whether samples may show the values at a generalised path."""
        return self.now.reveals(namespace, path)

    def look(self, happened: Happened) -> None:
        """Take up the file if it has changed."""
        if self._file is None:
            return
        found = _stamp(self._file)
        if found == self._seen:
            return
        self._seen = found
        try:
            self.now = Rules.load(self._file, _today())
        except SettingsError as error:
            self._refused = error
            _log.error("rules_broken", reason=error.what, where=error.where, remedy=error.remedy)
            happened(EventKind.RULES_BROKEN, detail=f"{error.what} ({_place(error.where)})")
            return
        self._refused = None
        n = len(self.now.rules)
        _log.info("rules_read", rules=n)
        happened(EventKind.RULES_READ, detail="all of the file", n=n)

    async def run(self, happened: Happened) -> None:
        """Look again and again until cancelled."""
        while self._file is not None:
            self.look(happened)
            await asyncio.sleep(EVERY_S)

    def check(self, name: str) -> None:
        """Raise RefusedError unless a rule of this name is in force."""
        self._check_taken_up()
        if all(rule.name != name for rule in self.now.rules):
            raise self._another_file()

    def check_withdrawn(self, name: str) -> None:
        """Raise RefusedError unless the file says that the rule of this name was withdrawn, and it is not in force."""
        self._check_taken_up()
        text = "" if self._file is None else rules_text(self._file)
        if name not in withdrawn_in(text) or any(rule.name == name for rule in self.now.rules):
            raise self._another_file()

    def _check_taken_up(self) -> None:
        if self._refused is not None:
            raise RefusedError(
                f"the rules before it stay in force: {self._refused.what}",
                where=self._refused.where,
                remedy=self._refused.remedy,
            )

    def _another_file(self) -> RefusedError:
        return RefusedError(
            "the verifier reads another file of rules",
            where=str(self._file),
            remedy="name the same `rules.file` for the sidecar and for the dashboard",
        )


class Declaring:
    """Takes the rules up at once, for whoever has declared one."""

    def __init__(self, rulebook: Rulebook, happened: Callable[..., None]) -> None:
        self._rulebook = rulebook
        self._happened = happened

    async def perform(self, order: Order) -> Mapping[str, Any]:
        """Return the name of the rule once it is in force; RefusedError where it is not."""
        name = order.payload[NAME]
        self._rulebook.look(self._happened)
        self._rulebook.check(name)
        return {NAME: name}


class Withdrawing:
    """Takes the rules up at once, for whoever has withdrawn one."""

    def __init__(self, rulebook: Rulebook, happened: Callable[..., None]) -> None:
        self._rulebook = rulebook
        self._happened = happened

    async def perform(self, order: Order) -> Mapping[str, Any]:
        """Return the name of the rule once it is in force no more; RefusedError where it still is."""
        name = order.payload[NAME]
        self._rulebook.look(self._happened)
        self._rulebook.check_withdrawn(name)
        return {NAME: name}


def _today() -> date:
    return datetime.now(UTC).date()


def _place(where: str) -> str:
    """Return file and line without the folder, which is nobody's concern who reads the evidence."""
    return Path(where).name


def _stamp(file: Path | None) -> _Stamp:
    """Return what changes with each change of a file, None where there is none."""
    if file is None:
        return None
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
