"""What the models do not tell: better names, what is kept whole, references, full-text search.

A TOML file with a table for each collection. The command reads it, so that making the maps anew gives the same.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from adapters.entities.notation import dotted
from comparators.errors import SettingsError


class Overlay(BaseModel):
    """What is added to the model of one collection.

    `names` and `types` of columns are by path; `jsonb` are subdocuments kept whole; `columns` further columns,
    `references` by column, `indexes` and `search` as in a map. So are `children`, whose columns may be left out: they are then
    those of the model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    table: str | None = None
    about: str = ""
    jsonb: list[str] = []
    names: Mapping[str, str] = {}
    types: Mapping[str, str] = {}
    references: Mapping[str, str] = {}
    columns: Mapping[str, Mapping[str, Any]] = {}
    children: Mapping[str, Mapping[str, Any]] = {}
    indexes: list[dict[str, Any]] = []
    search: Mapping[str, Mapping[str, Any]] = {}


def read_overlay(path: Path) -> Mapping[str, Overlay]:
    """Return the overlays by collection; SettingsError for a file that is none."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as wrong:
        raise SettingsError(
            f"the overlay cannot be read: {wrong}",
            where=str(path),
            remedy="it must be TOML, with a table for each collection",
        ) from wrong
    found = {}
    for collection, content in document.items():
        try:
            found[collection] = Overlay.model_validate(content)
        except ValidationError as wrong:
            complaint = wrong.errors(include_url=False, include_input=False)[0]
            raise SettingsError(
                f"`{dotted((collection, *complaint['loc']))}`: {complaint['msg']}",
                where=str(path),
                remedy="docs/entities.md lists what an overlay may add",
            ) from None
    return found
