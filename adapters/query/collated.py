"""The same tree under a collation: all that compares in it compares strings in that order.

Nodes that compare have a field `comparing`. They are made in the simple order; what a command says of a
collation is put into them here, at every depth.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final, TypeVar, cast

from comparators.order import ValueOrder

Tree = TypeVar("Tree")

FIELD: Final = "comparing"


def collated(tree: Tree, order: ValueOrder) -> Tree:
    """Return a tree (or a tuple of trees) whose nodes compare values in an order."""
    return tree if order.is_simple else cast("Tree", _collated(tree, order))


def _collated(node: Any, order: ValueOrder) -> Any:
    if is_dataclass(node) and not isinstance(node, type):
        changes = {
            each.name: order if each.name == FIELD else _collated(getattr(node, each.name), order)
            for each in fields(node)
        }
        return replace(node, **changes)
    if isinstance(node, tuple):
        return tuple(_collated(each, order) for each in node)
    if isinstance(node, Mapping):
        return {name: _collated(each, order) for name, each in node.items()}
    return node
