"""A document as an application has it that did not ask for lean ones: with the defaults of what is not stored.

Source: Mongoose documentation, "Tutorials: Faster Mongoose Queries With Lean", "Defaults".
"""

from collections.abc import Mapping
from typing import Any

from adapters.mongoose.defaults import default_of
from adapters.mongoose.documents import value_of
from adapters.mongoose.making import Making
from adapters.mongoose.minimizing import minimized
from adapters.mongoose.schema import Schema
from adapters.mongoose.validation import at_path
from comparators.canonical import MISSING


def hydrated(
    schema: Schema,
    stored: Mapping[str, Any],
    making: Making,
    shown: Mapping[str, Any],
    at: str = "",
) -> dict[str, Any]:
    """Return a stored document with defaults, where `shown`, the projection that it was read with, leaves room for them."""
    document = dict(stored)
    for path, kind in schema.types.items():
        value = at_path(document, path)
        if value is MISSING and _visible(at + path, shown):
            default = default_of(kind, making, document, at + path)
            if default is not MISSING and path != "_id":
                _put(document, path, value_of(kind, default, making, at + path))
        elif kind.inner is not None and isinstance(value, dict):
            _put(document, path, hydrated(kind.inner, value, making, shown, f"{at}{path}."))
        elif kind.inner is not None and isinstance(value, list):
            inner = kind.inner
            items = [
                hydrated(inner, item, making, shown, f"{at}{path}.")
                if isinstance(item, dict)
                else item
                for item in value
            ]
            _put(document, path, items)
    return minimized(document, schema) if schema.minimize else document


def _visible(path: str, shown: Mapping[str, Any]) -> bool:
    """Return whether a projection shows a path: one that includes does so with what it names."""
    named = any(f"{path}.".startswith(f"{name}.") and value for name, value in shown.items())
    hidden = any(f"{path}.".startswith(f"{name}.") and not value for name, value in shown.items())
    including = any(value for name, value in shown.items() if name != "_id")
    return named if including else not hidden


def _put(document: dict[str, Any], path: str, value: Any) -> None:
    *above, name = path.split(".")
    holder: Any = document
    for part in above:
        held = holder.get(part, {})
        if not isinstance(held, dict):
            return
        holder[part] = dict(held)
        holder = holder[part]
    holder[name] = value
