"""What each process on the way spends: processor time so far, and memory now."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

import psutil
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Of one part, with all its processes."""

    cpu_s: float
    memory_bytes: int


class Meter(Protocol):
    """Says what the parts of a target spent so far."""

    async def read(self) -> Mapping[str, Spent]:
        """Return it by the name of the part."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessMeter:
    """A process of this machine with its children."""

    part: str
    pid: int

    async def read(self) -> Mapping[str, Spent]:
        """Return what it spent; nothing once it is gone."""
        with suppress(psutil.NoSuchProcess):
            top = psutil.Process(self.pid)
            # The processor time of children that ended is their parent's.
            ended = top.cpu_times()
            found = [spent_by(top), *map(_child, top.children(recursive=True))]
            return {
                self.part: Spent(
                    cpu_s=sum(each.cpu_s for each in found)
                    + ended.children_user
                    + ended.children_system,
                    memory_bytes=sum(each.memory_bytes for each in found),
                )
            }
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class MongoMeter:
    """A mongod, wherever it runs: it tells of itself. Source: MongoDB manual, `serverStatus`, `extra_info` (Linux)."""

    client: AsyncMongoClient[Any]

    async def read(self) -> Mapping[str, Spent]:
        """Return what it spent; nothing where it does not tell, or the user may not ask."""
        try:
            status = await self.client.admin.command({"serverStatus": 1, "repl": 0})
        except PyMongoError:
            return {}
        more = status.get("extra_info", {})
        if "user_time_us" not in more or "mem" not in status:
            return {}
        return {
            "mongod": Spent(
                cpu_s=(more["user_time_us"] + more["system_time_us"]) / 1e6,
                memory_bytes=status["mem"]["resident"] * _MIB,
            )
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Meters:
    """Several parts together."""

    meters: Sequence[Meter]

    async def read(self) -> Mapping[str, Spent]:
        """Return what each spent."""
        found: dict[str, Spent] = {}
        for meter in self.meters:
            found |= await meter.read()
        return found


class OwnMeter:
    """This process, which makes the load."""

    async def read(self) -> Mapping[str, Spent]:
        """Return what it spent."""
        return {"generator": spent_by(psutil.Process(os.getpid()))}


def _child(process: psutil.Process) -> Spent:
    """Return what a child spent; memory that it shares is its parent's, as PostgreSQL's buffers are."""
    found = spent_by(process)
    try:
        # Where the system does not tell it apart, it counts in full.
        shared = getattr(process.memory_info(), "shared", 0)
    except psutil.NoSuchProcess:
        return found
    return Spent(cpu_s=found.cpu_s, memory_bytes=max(found.memory_bytes - shared, 0))


def spent_by(process: psutil.Process) -> Spent:
    """Return what one process spent; nothing once it is gone."""
    try:
        with process.oneshot():
            times = process.cpu_times()
            return Spent(cpu_s=times.user + times.system, memory_bytes=process.memory_info().rss)
    except psutil.NoSuchProcess:
        return Spent(cpu_s=0.0, memory_bytes=0)
