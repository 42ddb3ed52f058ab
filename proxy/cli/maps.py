"""The entity maps that the settings name."""

from collections.abc import Mapping

from adapters.entities.entity import EntityMap
from adapters.entities.profile import load_profile
from proxy.settings import Settings


def maps_of(settings: Settings) -> Mapping[str, EntityMap]:
    """Return the maps by collection, none where no profile is set; SettingsError for a wrong map."""
    return load_profile(settings.gateway.entities) if settings.gateway.entities else {}
