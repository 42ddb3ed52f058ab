"""The refusal of what the gateway path cannot answer exactly."""

from comparators.errors import UnsupportedError


def unsupported(name: str, *, where: str) -> UnsupportedError:
    """Return the error that names an operator or option exactly as MongoDB spells it."""
    return UnsupportedError(
        name,
        where=where,
        remedy="the operation stays on the legacy path; the support page lists what is covered",
    )
