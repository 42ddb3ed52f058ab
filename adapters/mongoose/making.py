"""What documents are made with: the time and the identifiers, stamped once, and the functions that an export cannot hold."""

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId

from adapters.mongoose.errors import PathError
from comparators.errors import UnsupportedError

_ELEMENT: Final = re.compile(r"\.[0-9]+(?=\.|$)")

Functions = Mapping[str, Callable[..., Any]]
"""Counterparts of an application's functions, by `path option` (`principalId required`, `lines[].sku validate`).

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

    def called(self, option: str, path: str, *arguments: Any) -> Any:
        """Return what an application's function says of a path; UnsupportedError where it has no counterpart."""
        place = f"{_ELEMENT.sub('[]', path)} {option}"
        function = self.functions.get(place)
        if function is None:
            raise UnsupportedError(
                f"the application's own `{option}` of {self.model}.{path}",
                where=f"{self.model}.{path}",
                remedy=f"give `models_of` a function for {place!r} of {self.model}",
            )
        return function(*arguments)

    def report(
        self,
        name: str,
        kind: str,
        path: str,
        *,
        inner: str = "",
        message: str = "",
        value: Any = None,
    ) -> None:
        """Note what is wrong with a path; the first finding stands."""
        self.problems.setdefault(
            path,
            PathError(
                name=name, kind=kind, path=path, inner=inner or path, message=message, value=value
            ),
        )
