"""What documents are made with: the time and the identifiers, stamped once, and the functions that an export cannot hold."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId

from adapters.mongoose.errors import PathError

Functions = Mapping[str, Callable[..., Any]]
"""Counterparts of an application's functions, by `path option` (`principalId required`).

`default` and `required` are given the document, `validate` the value and the document.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """One call's stamps, and what it found wrong so far, by path."""

    model: str
    now_ms: int
    new_id: Callable[[], ObjectId]
    functions: Functions = field(default_factory=dict)
    problems: dict[str, PathError] = field(default_factory=dict)

    @property
    def now(self) -> DatetimeMS:
        """Return the time of the call."""
        return DatetimeMS(self.now_ms)

    def new_uuid(self) -> str:
        """Return a random UUID as text."""
        return str(uuid.uuid4())

    def report(
        self, name: str, kind: str, path: str, *, message: str = "", value: Any = None
    ) -> None:
        """Note what is wrong with a path; the first finding stands."""
        self.problems.setdefault(
            path, PathError(name=name, kind=kind, path=path, message=message, value=value)
        )
