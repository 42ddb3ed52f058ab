"""The layout of a document: its fields in their order, and where each value is found.

Documents of one application have few layouts, so a row names its layout by a number that is made from the content:
two processes that have never met give one layout the same number.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Final

from adapters.entities.tags import Tag
from adapters.query.paths import Path

Field = tuple[Path, Tag]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Fields in the order of the document. `number` identifies it, as a signed 64-bit integer."""

    number: int
    fields: tuple[Field, ...]

    @property
    def text(self) -> str:
        """The fields as JSON, as stored."""
        return json.dumps([[tag, *path] for path, tag in self.fields], ensure_ascii=True)


WHOLE: Final = Layout(number=0, fields=())
"""The whole document is in the overflow; its columns only serve to find it."""


def layout_of(fields: tuple[Field, ...]) -> Layout:
    """Return the layout of fields."""
    unnumbered = Layout(number=0, fields=fields)
    digest = hashlib.sha256(unnumbered.text.encode()).digest()
    # 0 is taken by WHOLE.
    number = int.from_bytes(digest[:8], "big", signed=True) or 1
    return Layout(number=number, fields=fields)


def parse_layout(number: int, text: str) -> Layout:
    """Return a layout from its stored text."""
    fields = tuple((tuple(path), Tag(tag)) for tag, *path in json.loads(text))
    return Layout(number=number, fields=fields)
