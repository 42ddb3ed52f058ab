"""A stretch of work that is told of as one span: a job on a collection, a chunk of it, an order, a command that was answered."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from proxy.tracing.trail import Trail

Fact = str | int | float


class Role(StrEnum):
    """What a span is to those beside it, as OpenTelemetry has it."""

    INTERNAL = "internal"
    SERVER = "server"


class Stint(NamedTuple):
    """One, from its beginning to its end in nanoseconds since 1970.

    `parent` is the span in which it began, 0 for none; `is_remote` says that another process made that one. `error` is the class
    of what went wrong, None where nothing did. `facts` are names of the schema, words of the vocabulary and counts, never a value.
    """

    trace_id: int
    span_id: int
    parent: int
    is_remote: bool
    name: str
    role: Role
    began_ns: int
    ended_ns: int
    facts: Mapping[str, Fact]
    error: str | None


Told = Trail | Stint
"""What is told in spans."""
