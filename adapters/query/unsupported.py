"""The refusal of what the gateway path cannot answer exactly."""

from comparators.errors import UnknowableError, UnsupportedError


def unsupported(name: str, *, where: str) -> UnsupportedError:
    """Return the error that names an operator or option exactly as MongoDB spells it."""
    return UnsupportedError(
        name,
        where=where,
        remedy="the operation stays on the legacy path; the support page lists what is covered",
    )


def unknowable(name: str, *, where: str) -> UnknowableError:
    """Return the error that names what is drawn at random, or tells of the server itself."""
    return UnknowableError(
        name, where=where, remedy="nothing: an answer that differs says nothing about the data"
    )
