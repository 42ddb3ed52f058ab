"""One connection of a driver, as far as commands need to know it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, kw_only=True)
class Client:
    """Who asks, and where they reached us."""

    number: int
    peer: str
    reached: str
    """`host:port` that the client connected to."""
    user: str = ""
    """Empty before a login, and where none is asked for."""
    login: Any = None
    """The login under way, None for none."""
    application: dict[str, Any] = field(default_factory=dict)
