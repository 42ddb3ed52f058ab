"""How documents fare in a map: which drift and where, and which fields no column is for. Counts only, no values."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.entities.encoding import Row
from adapters.entities.entity import ID_PATH, EntityMap
from adapters.entities.layout import WHOLE
from adapters.entities.rows import ALONE, RowCodec
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
    """How many documents drifted from each column; those of child tables stand behind the name of their table."""
    unmapped: Counter[Path] = field(default_factory=Counter)
    """Fields that no column is for, and how many documents have each."""
    overflow_bytes: int = 0


class FitOf:
    """Lays documents out by a map, and counts."""

    def __init__(self, entity: EntityMap) -> None:
        self._children = entity.children
        self._codec = RowCodec(entity)
        self._mapped = {
            ID_PATH,
            *(column.path for column in entity.columns),
            *(child.path for child in entity.children),
            *((*child.path, *each.path) for child in entity.children for each in child.columns),
        }
        self.fit = Fit()

    def add(self, document: Mapping[str, Any]) -> None:
        """Count a document."""
        fit, row = self.fit, self._codec.row_of(document)
        fit.documents += 1
        rows: list[tuple[Path, Row]] = [((), row)]
        drift = set(row.drift)
        for child, elements in zip(self._children, row.elements, strict=True):
            rows += [(child.path, each) for each in elements]
            of_elements = {f"{child.table}.{name}" for each in elements for name in each.drift}
            if of_elements:
                drift = (drift - {child.table}) | of_elements
        fit.drifting += bool(drift)
        fit.columns.update(sorted(drift))
        fit.overflow_bytes += sum(len(each.overflow or b"") for _above, each in rows)
        fit.usual += all(each.layout is None for _above, each in rows)
        fit.unmapped.update(
            [*dict.fromkeys(path for above, each in rows for path in self._unmapped(above, each))]
        )

    def _unmapped(self, above: Path, row: Row) -> Iterator[Path]:
        """Yield the fields of a row that no column is for."""
        if row.layout is None or row.layout is WHOLE or row.layout is ALONE:
            return
        for path, tag in row.layout.fields:
            if tag is Tag.OVERFLOW and (*above, *path) not in self._mapped:
                yield (*above, *path)
