"""Entities whose documents are appended and never changed or deleted."""

from typing import Final

from comparators.errors import RefusedError

APPEND_ONLY: Final = frozenset({"AuditLog"})
"""By name of the model. In LibreChat a hook of the schema forbids it, and hooks do not run here."""
WHERE: Final = "append-only"


def check_changeable(entity: str) -> None:
    """Raise RefusedError for a change or deletion of what is only appended to."""
    if entity in APPEND_ONLY:
        raise RefusedError(
            f"what is in {entity} is never changed or deleted",
            where=WHERE,
            remedy="create a document that says what is so now",
        )
