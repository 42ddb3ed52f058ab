"""What must not lie in a cache: whatever names a hidden path, or leaves one in."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from comparators.operation import Kind, Operation


def shows(operation: Operation, hidden: AbstractSet[str]) -> bool:
    """Return whether the answer to a read may hold one of the paths."""
    if not hidden or operation.kind is Kind.COUNT:
        return False
    if operation.kind is Kind.DISTINCT:
        return any(_touches(str(operation.arguments["key"]), path) for path in hidden)
    projection: Mapping[str, Any] = operation.arguments.get("projection") or {}
    named = {name: value for name, value in projection.items() if name != "_id"}
    if any(isinstance(value, Mapping | str | list) for value in named.values()):
        # It is calculated, from whatever there is.
        return True
    if any(named.values()):
        return any(_touches(name, path) for name in named for path in hidden)
    return not hidden <= named.keys()


def _touches(name: str, path: str) -> bool:
    return name == path or name.startswith(f"{path}.") or path.startswith(f"{name}.")
