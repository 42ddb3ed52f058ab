"""The entity maps that the settings name."""

from collections.abc import Mapping

from adapters.entities.entity import EntityMap
from adapters.entities.profile import load_profile
from comparators.errors import SettingsError
from proxy.settings import Settings


def maps_of(settings: Settings) -> Mapping[str, EntityMap]:
    """Return the maps by collection, none where no profile is set; SettingsError for a wrong map."""
    return load_profile(settings.gateway.entities) if settings.gateway.entities else {}


def map_for(collection: str, maps: Mapping[str, EntityMap]) -> EntityMap:
    """Return the map of a collection; SettingsError where the profile has none."""
    if collection not in maps:
        raise SettingsError(
            f"no map for the collection {collection!r}",
            where="[gateway] entities",
            remedy="name a profile that has one, with --entities or in the settings",
        )
    return maps[collection]
