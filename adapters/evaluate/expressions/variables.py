"""What an expression is evaluated on."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from bson.dbref import DBRef

from comparators.canonical import MISSING


class Variables(NamedTuple):
    """The values that paths and variables stand for.

    `root` is the whole document, `current` what paths start from (the same unless `$let` binds
    CURRENT anew), `now_ms` the server's clock for `$$NOW`, `user` the bound variables by name.
    """

    root: Any
    current: Any
    now_ms: int
    user: Mapping[str, Any] = {}

    @classmethod
    def of(cls, document: Any, bindings: Mapping[str, Any]) -> "Variables":
        """Return the variables of a document; `NOW` among the bindings is the server's clock."""
        now_ms = int(bindings.get("NOW", 0))
        return cls(root=document, current=document, now_ms=now_ms, user=bindings)

    def bound(self, name: str, value: Any) -> "Variables":
        """Return the variables with one more binding."""
        if name == "CURRENT":
            return self._replace(current=value)
        return self._replace(user={**self.user, name: value})


def at_path(value: Any, path: tuple[str, ...]) -> Any:
    """Return what lies at a path: MISSING, a value, or of an array what lies there in each element.

    Numbers in a path are names, never positions, and arrays inside of arrays hide what is below.
    """
    for depth, name in enumerate(path):
        if isinstance(value, dict):
            value = value.get(name, MISSING)
        elif isinstance(value, list):
            return _in_elements(value, path[depth:])
        elif isinstance(value, DBRef):
            value = value.as_doc().get(name, MISSING)
        else:
            return MISSING
    return value


def _in_elements(array: list[Any], path: tuple[str, ...]) -> list[Any]:
    found = []
    for element in array:
        if isinstance(element, dict | DBRef):
            value = at_path(element, path)
            if value is not MISSING:
                found.append(value)
    return found
