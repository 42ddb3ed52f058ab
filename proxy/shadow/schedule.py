"""What may run at once: operations wait only for those whose effects they could see or spoil.

A pure dependency table over footprints. Two operations conflict when one of them writes what the
other reads or writes: the same document, or any document where one of them stands for the whole
collection. Conflicting operations run in the order in which they were added.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from adapters.gateway import Footprint

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Node(Generic[T]):
    item: T
    footprints: tuple[Footprint, ...]
    waits_for: int = 0
    followers: list["_Node[T]"] = field(default_factory=list)
    finished: bool = False


@dataclass(slots=True, eq=False)
class _Lane(Generic[T]):
    """The unfinished operations of one collection.

    Only the latest writer of a key is kept: it waits for those before it, so waiting for it is enough.
    """

    whole_writer: _Node[T] | None = None
    whole_readers: dict[_Node[T], None] = field(default_factory=dict)
    writers: dict[bytes, _Node[T]] = field(default_factory=dict)
    readers: dict[bytes, dict[_Node[T], None]] = field(default_factory=dict)

    def is_empty(self) -> bool:
        return not (self.whole_writer or self.whole_readers or self.writers or self.readers)


class Schedule(Generic[T]):
    """Hand out operations as soon as everything they depend on has finished."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane[T]] = {}
        self._ready: deque[_Node[T]] = deque()
        self._unfinished: dict[int, _Node[T]] = {}

    def __len__(self) -> int:
        return len(self._unfinished)

    def unfinished(self) -> Iterator[T]:
        """Give what was added and is not finished."""
        for node in self._unfinished.values():
            yield node.item

    def add(self, item: T, footprints: tuple[Footprint, ...]) -> None:
        """Add an operation behind all that were added before it."""
        node = _Node(item, footprints)
        for footprint in footprints:
            lane = self._lanes.setdefault(footprint.namespace, _Lane())
            for earlier in _conflicts(lane, footprint):
                if earlier is not node and not earlier.finished:
                    earlier.followers.append(node)
                    node.waits_for += 1
            _enter(lane, footprint, node)
        self._unfinished[id(item)] = node
        if not node.waits_for:
            self._ready.append(node)

    def take(self) -> T | None:
        """Return an operation that may run now, None when there is none."""
        return self._ready.popleft().item if self._ready else None

    def finish(self, item: T) -> None:
        """Note that an operation is over, so that what waited for it may run."""
        node = self._unfinished.pop(id(item))
        node.finished = True
        for footprint in node.footprints:
            self._leave(footprint, node)
        for follower in node.followers:
            follower.waits_for -= 1
            if not follower.waits_for:
                self._ready.append(follower)

    def _leave(self, footprint: Footprint, node: _Node[T]) -> None:
        lane = self._lanes.get(footprint.namespace)
        if lane is None:
            return
        if lane.whole_writer is node:
            lane.whole_writer = None
        lane.whole_readers.pop(node, None)
        for key in footprint.keys or ():
            if lane.writers.get(key) is node:
                del lane.writers[key]
            readers = lane.readers.get(key)
            if readers is not None:
                readers.pop(node, None)
                if not readers:
                    del lane.readers[key]
        if lane.is_empty():
            del self._lanes[footprint.namespace]


def _conflicts(lane: _Lane[T], footprint: Footprint) -> list[_Node[T]]:
    found = [] if lane.whole_writer is None else [lane.whole_writer]
    if footprint.keys is None:
        found.extend(dict.fromkeys(lane.writers.values()))
        if footprint.writes:
            found.extend(lane.whole_readers)
            for readers in lane.readers.values():
                found.extend(readers)
        return found
    if footprint.writes:
        found.extend(lane.whole_readers)
    for key in footprint.keys:
        if key in lane.writers:
            found.append(lane.writers[key])
        if footprint.writes:
            found.extend(lane.readers.get(key, ()))
    return found


def _enter(lane: _Lane[T], footprint: Footprint, node: _Node[T]) -> None:
    if footprint.keys is None:
        if footprint.writes:
            lane.whole_writer = node
        else:
            lane.whole_readers[node] = None
        return
    for key in footprint.keys:
        if footprint.writes:
            lane.writers[key] = node
        else:
            lane.readers.setdefault(key, {})[node] = None
