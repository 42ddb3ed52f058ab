"""An entity map as JSON, as the database keeps it beside the collection, and back."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from adapters.entities.entity import (
    Child,
    Column,
    ColumnType,
    EntityIndex,
    EntityMap,
    FullText,
    Identity,
    IdentityType,
    Reference,
)


def text_of(entity: EntityMap) -> str:
    """Return a map as JSON: maps that are alike have one text."""
    return json.dumps(asdict(entity), ensure_ascii=True, separators=(",", ":"))


def entity_of(text: str) -> EntityMap:
    """Return the map that `text_of` wrote."""
    fields = json.loads(text)
    return EntityMap(
        collection=fields["collection"],
        table=fields["table"],
        identity=Identity(
            type=IdentityType(fields["identity"]["type"]), name=fields["identity"]["name"]
        ),
        columns=tuple(map(_column, fields["columns"])),
        children=tuple(
            Child(
                table=child["table"],
                path=tuple(child["path"]),
                columns=tuple(map(_column, child["columns"])),
            )
            for child in fields["children"]
        ),
        indexes=tuple(
            EntityIndex(name=index["name"], specification=index["specification"])
            for index in fields["indexes"]
        ),
        full_text=tuple(
            FullText(name=each["name"], language=each["language"], weights=each["weights"])
            for each in fields["full_text"]
        ),
        about=fields["about"],
    )


def _column(fields: Mapping[str, Any]) -> Column:
    reference = fields["reference"]
    return Column(
        name=fields["name"],
        path=tuple(fields["path"]),
        type=ColumnType(fields["type"]),
        array=fields["array"],
        length=fields["length"],
        allowed=tuple(fields["allowed"]),
        default=fields["default"],
        reference=None if reference is None else Reference(**reference),
    )
