"""An operation with the outcome captured for it, and where it stood in time."""

from dataclasses import dataclass, field

from adapters.mongodb.replies import Batch
from comparators.operation import Operation
from comparators.outcome import Outcome
from comparators.shape import Shape, shape_of
from proxy.request import Control, Session
from proxy.tracing.context import Parent
from proxy.tracing.passage import Passage


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What a request and its answer have in common, whatever the command.

    `start` is the log position of the intent (writes) or of the record itself; `position` that of the
    record that completes it. `legacy` is None when the client or the relay went away before an answer
    came: whether MongoDB did it is in doubt. `clock` is MongoDB's `operationTime` as one number, None on
    a standalone server.
    """

    start: int
    position: int
    connection: int
    received_ns: int
    legacy_s: float
    overhead_s: float
    namespace: str
    legacy: Outcome | None
    clock: int | None
    session: Session | None
    batch: Batch | None

    @property
    def answered_ns(self) -> int:
        """Return when legacy's answer was complete at the relay, at the latest.

        The relay's own time lies before the request went on, too: without it a busy relay's operation would seem over while it runs.
        """
        return self.received_ns + int((self.legacy_s + self.overhead_s) * 1e9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange(Captured):
    """One operation with what became of it.

    `endless`: tailable, awaiting or a change stream, not comparable by reply. `retried`: MongoDB
    answered from the first attempt of a retryable write. `parent` is the span of the application that it belongs to,
    None where it names none; `passage` is filled in on its way.
    """

    operation: Operation
    writes: bool
    endless: bool
    retried: bool
    parent: Parent | None = None
    passage: Passage = field(default_factory=Passage, compare=False, repr=False)

    @property
    def shape(self) -> Shape:
        """Return the shape of the operation."""
        found = self.passage.shape
        if found is None:
            found = self.passage.shape = shape_of(self.operation)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlCommand(Captured):
    """A command that decides what becomes of other operations; `cursors` are those it names."""

    control: Control
    cursors: tuple[int, ...]
