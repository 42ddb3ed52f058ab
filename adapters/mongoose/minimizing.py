"""Empty objects are not stored, where a schema minimizes.

Source: Mongoose documentation, "Schemas: minimize".
"""

from typing import Any


def minimized(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document without its empty objects; those in arrays keep their places."""
    made = {}
    for name, value in document.items():
        kept = _kept(value)
        if kept != {}:
            made[name] = kept
    return made


def _kept(value: Any) -> Any:
    match value:
        case dict():
            return minimized(value)
        case list():
            return [_kept(item) for item in value]
        case _:
            return value
