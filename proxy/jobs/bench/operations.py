"""What a benchmark drives: commands and transactions in a fixed order, and what must be there before. Pure.

Only what reads and writes documents is measured. Indexes and options of collections are set up before; everything else is
left out and counted by name.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import bson

from comparators.canonical import CODEC, encode
from proxy.jobs.collections import UNSEEN_DATABASES

MEASURED: Final = frozenset(
    "find count distinct aggregate insert update delete findAndModify findandmodify".split()
)
WRITES: Final = frozenset("insert update delete findAndModify findandmodify".split())
SET_UP: Final = frozenset({"create", "createIndexes"})
_FOLLOWING: Final = frozenset({"getMore", "killCursors", "endSessions", "refreshSessions"})
"""Come by themselves when what they follow is driven."""
_UNSAID: Final = frozenset(
    "lsid txnNumber autocommit startTransaction stmtId stmtIds $clusterTime $readPreference "
    "apiVersion apiStrict apiDeprecationErrors $audit $client comment maxTimeMS".split()
)
"""Fields that belong to the connection or the session it was captured on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What is timed as one operation: a command with all its batches, or a whole transaction. `$db` names the database."""

    commands: tuple[bytes, ...]
    in_transaction: bool = False

    @property
    def name(self) -> str:
        """Return the name of the command, or that it is a transaction."""
        return "transaction" if self.in_transaction else name_of(self.commands[0])

    @property
    def writes(self) -> bool:
        """Return whether it may change documents."""
        return any(_writes(decoded(command)) for command in self.commands)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """A load to drive. `setup` are commands that make and fill the collections; they are not timed.

    `left_out` counts what the source held and is not driven.
    """

    source: str
    setup: tuple[bytes, ...]
    units: tuple[Unit, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def databases(self) -> tuple[str, ...]:
        """Return the databases that are named, in order."""
        commands = (*self.setup, *(each for unit in self.units for each in unit.commands))
        return tuple(sorted({str(decoded(command)["$db"]) for command in commands}))

    @property
    def counts(self) -> dict[str, int]:
        """Return how many operations there are of each name, the most frequent first."""
        return dict(Counter(unit.name for unit in self.units).most_common())

    @property
    def digest(self) -> str:
        """Return what tells these operations from others."""
        found = hashlib.sha256()
        for unit in (Unit(commands=self.setup), *self.units):
            found.update(bytes([unit.in_transaction]))
            for command in unit.commands:
                found.update(command)
        return found.hexdigest()

    def in_databases(self, names: Mapping[str, str]) -> "Operations":
        """Return the same operations on other databases."""
        return Operations(
            source=self.source,
            setup=tuple(_moved(command, names) for command in self.setup),
            units=tuple(
                Unit(
                    commands=tuple(_moved(command, names) for command in unit.commands),
                    in_transaction=unit.in_transaction,
                )
                for unit in self.units
            ),
            left_out=self.left_out,
        )


def decoded(command: bytes) -> dict[str, Any]:
    """Return a command with its values as they were."""
    return bson.decode(command, CODEC)


def name_of(command: bytes) -> str:
    """Return the name of a command."""
    return next(iter(decoded(command)))


def _moved(command: bytes, names: Mapping[str, str]) -> bytes:
    found = decoded(command)
    return encode({**found, "$db": names[str(found["$db"])]})


@dataclass(slots=True, kw_only=True)
class _Transaction:
    commands: list[bytes] = field(default_factory=list)
    is_spoiled: bool = False


class Gathering:
    """Take commands in the order in which they were sent; transactions become units at their commit."""

    def __init__(self) -> None:
        self.setup: list[bytes] = []
        self.units: list[Unit] = []
        self.left_out: Counter[str] = Counter()
        self._open: dict[tuple[bytes, int], _Transaction] = {}

    def take(self, command: Mapping[str, Any]) -> None:
        """Take the next command, `$db` among its fields."""
        name = next(iter(command))
        transaction = _transaction_of(command)
        if transaction is not None:
            self._take_part(name, command, transaction)
        elif name in SET_UP:
            self.setup.append(stripped(command))
        elif (objection := objection_to(command)) is None:
            self.units.append(Unit(commands=(stripped(command),)))
        elif name not in _FOLLOWING:
            self.left_out[objection] += 1

    def operations(self, source: str) -> Operations:
        """Return what was gathered; transactions that were not committed are left out."""
        left_out = Counter(self.left_out)
        left_out["transaction without its commit"] += len(self._open)
        return Operations(
            source=source,
            setup=tuple(self.setup),
            units=tuple(self.units),
            left_out={name: n for name, n in sorted(left_out.items()) if n},
        )

    def _take_part(
        self, name: str, command: Mapping[str, Any], identity: tuple[bytes, int]
    ) -> None:
        if name == "abortTransaction":
            self._open.pop(identity, None)
            self.left_out["transaction that was aborted"] += 1
        elif name == "commitTransaction":
            found = self._open.pop(identity, None)
            if found is not None and found.is_spoiled:
                self.left_out["transaction with a part that is not driven"] += 1
            elif found is not None and found.commands:
                self.units.append(Unit(commands=tuple(found.commands), in_transaction=True))
        elif name not in _FOLLOWING:
            opened = self._open.setdefault(identity, _Transaction())
            opened.is_spoiled |= objection_to(command) is not None
            opened.commands.append(stripped(command, in_transaction=True))


def objection_to(command: Mapping[str, Any]) -> str | None:
    """Return why a command is not driven; None for one that is."""
    name = next(iter(command))
    if str(command.get("$db", "")) in UNSEEN_DATABASES | {""}:
        return f"{name} on a database of MongoDB's own"
    if name not in MEASURED:
        return name
    if not isinstance(command[name], str):
        return f"{name} without a collection"
    stage = _writing_stage(command)
    if stage is not None and not isinstance(_target_of(stage), str):
        # It would write to a database that is not the benchmark's.
        return f"aggregate with {next(iter(stage))} into a named database"
    return None


def stripped(command: Mapping[str, Any], *, in_transaction: bool = False) -> bytes:
    """Return a command without what belongs to its session."""
    unsaid = _UNSAID | ({"readConcern", "writeConcern"} if in_transaction else set())
    kept = {name: value for name, value in command.items() if name not in unsaid}
    concern = kept.get("readConcern")
    if isinstance(concern, Mapping):
        kept["readConcern"] = {key: item for key, item in concern.items() if key == "level"}
    return encode(kept)


def _transaction_of(command: Mapping[str, Any]) -> tuple[bytes, int] | None:
    session = command.get("lsid")
    if command.get("autocommit") is not False or not isinstance(session, Mapping):
        return None
    return bytes(session["id"]), int(command["txnNumber"])


def _writes(command: Mapping[str, Any]) -> bool:
    return next(iter(command)) in WRITES or _writing_stage(command) is not None


def _writing_stage(command: Mapping[str, Any]) -> Mapping[str, Any] | None:
    pipeline = command.get("pipeline")
    stages: Iterable[Any] = pipeline if isinstance(pipeline, Sequence) else ()
    return next(
        (each for each in stages if isinstance(each, Mapping) and {"$out", "$merge"} & each.keys()),
        None,
    )


def _target_of(stage: Mapping[str, Any]) -> Any:
    """Return what a stage writes to: text for a collection of the same database."""
    target = next(iter(stage.values()))
    return target.get("into") if "$merge" in stage and isinstance(target, Mapping) else target
