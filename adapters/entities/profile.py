"""A profile: the maps of one application, a TOML file for each collection."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Final

from adapters.entities.checks import Place, check_profile
from adapters.entities.entity import EntityMap
from adapters.entities.files import read_map
from comparators.errors import SettingsError

FOLDER: Final = "entities"
SUFFIX: Final = ".toml"


def load_profile(name: str | Path) -> Mapping[str, EntityMap]:
    """Return the maps of a profile by collection: a folder, or the name of one that ships with Parallax.

    SettingsError for a map that is wrong by itself or beside the others.
    """
    folder = folder_of(name)
    entities: dict[str, EntityMap] = {}
    places: dict[str, Place] = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        entity, place = read_map(path)
        if entity.collection in entities:
            raise SettingsError(
                f"the collection {entity.collection!r} has a map already",
                where=place(("collection",)),
                remedy="delete one of the two files",
            )
        entities[entity.collection] = entity
        places[entity.collection] = place
    check_profile(entities, places)
    return entities


def folder_of(name: str | Path) -> Path:
    """Return the folder of a profile; SettingsError when there is none."""
    shipped = Path(str(resources.files("config"))) / FOLDER
    for folder in (Path(name), shipped / name):
        if folder.is_dir():
            return folder
    known = sorted(each.name for each in shipped.glob("*/"))
    raise SettingsError(
        f"there is no folder of entity maps {str(name)!r}",
        where="[gateway] entities",
        remedy=f"name a folder, or one that ships with Parallax: {', '.join(known) or 'there is none'}",
    )
