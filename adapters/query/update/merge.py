"""The one tree of all changes of an update, and what stands in each other's way in it."""

from collections.abc import Iterable
from functools import cmp_to_key
from typing import Final

from adapters.query.failures import CommandFailure
from adapters.query.paths import Path, compare_segments
from adapters.query.update.paths import MATCHED, identifier_of
from adapters.query.update.tree import Elements, Fields, Node

CONFLICT: Final = 40


def tree_of(path: Path, change: Node) -> Fields:
    """Return the tree that holds one change at a path."""
    node = change
    for segment in reversed(path):
        node = _parent(segment, node)
    assert isinstance(node, Fields)  # noqa: S101 - a path does not begin with an array filter
    return node


def _parent(segment: str, child: Node) -> Node:
    if segment == MATCHED:
        return Fields(matched=child)
    identifier = identifier_of(segment)
    if identifier is not None:
        return Elements(children=((identifier, child),))
    return Fields(children=((segment, child),))


def merged_fields(left: Fields, right: Fields) -> Fields:
    """Return both trees as one; CommandFailure if a change of one lies at or below one of the other."""
    return Fields(
        children=_merged_children(left.children, right.children, by_number=True),
        matched=_merged_or_one(left.matched, right.matched),
    )


def merged(left: Node, right: Node) -> Node:
    """Return two nodes of one place as one."""
    if isinstance(left, Fields) and isinstance(right, Fields):
        return merged_fields(left, right)
    if isinstance(left, Elements) and isinstance(right, Elements):
        return Elements(children=_merged_children(left.children, right.children, by_number=False))
    raise CommandFailure(CONFLICT, "Updating the path would create a conflict")


def _merged_or_one(left: Node | None, right: Node | None) -> Node | None:
    if left is not None and right is not None:
        return merged(left, right)
    return left if right is None else right


def _merged_children(
    left: Iterable[tuple[str, Node]], right: Iterable[tuple[str, Node]], *, by_number: bool
) -> tuple[tuple[str, Node], ...]:
    children = dict(left)
    for name, node in right:
        children[name] = merged(children[name], node) if name in children else node
    names = sorted(children, key=cmp_to_key(compare_segments)) if by_number else sorted(children)
    return tuple((name, children[name]) for name in names)
