"""How documents fare in a map: which drift and where, and which fields no column is for. Counts only, no values."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.entities.entity import EntityMap
from adapters.entities.layout import WHOLE
from adapters.entities.rows import RowCodec
from adapters.entities.tags import Tag
from adapters.query.paths import Path


@dataclass(slots=True, kw_only=True)
class Fit:
    """What became of documents that were laid out by a map."""

    documents: int = 0
    drifting: int = 0
    """Documents of which a field does not fit its column."""
    usual: int = 0
    """Documents just as the map expects them: their rows need no layout."""
    columns: Counter[str] = field(default_factory=Counter)
    """How often each column was drifted from."""
    unmapped: Counter[Path] = field(default_factory=Counter)
    """Fields that no column is for, and how often each was seen."""
    overflow_bytes: int = 0


class FitOf:
    """Lays documents out by a map, and counts."""

    def __init__(self, entity: EntityMap) -> None:
        self._codec = RowCodec(entity)
        self._mapped = {column.path for column in entity.columns}
        self.fit = Fit()

    def add(self, document: Mapping[str, Any]) -> None:
        """Count a document."""
        fit, row = self.fit, self._codec.row_of(document)
        fit.documents += 1
        fit.drifting += bool(row.drift)
        fit.columns.update(row.drift)
        fit.overflow_bytes += len(row.overflow or b"")
        if row.layout is None:
            fit.usual += 1
        elif row.layout is not WHOLE:
            fit.unmapped.update(
                path
                for path, tag in row.layout.fields
                if tag is Tag.OVERFLOW and path not in self._mapped and path != ("_id",)
            )
