"""The provider that a setting names: an entry point, or `module:factory` of something that makes an OpenFeature provider."""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Final

from comparators.errors import SettingsError

GROUP: Final = "parallax.flags"
"""Of the entry points."""
SETTING: Final = "flags.provider"

Factory = Callable[[], Any]
"""Makes a provider, and may fail at it."""


def factory_of(name: str) -> Factory:
    """Return what makes the provider of a name; SettingsError where there is no such thing."""
    try:
        found = _loaded(name)
    except Exception as error:  # a module of somebody else's may raise anything
        raise _wrong(f"{name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    if found is None:
        raise _wrong(f"there is no entry point {name!r} in the group `{GROUP}`")
    if not callable(found):
        raise _wrong(f"{name!r} cannot be called")
    return found  # type: ignore[no-any-return]  # it is what somebody else has written


def _loaded(name: str) -> Any:
    module, colon, attribute = name.partition(":")
    if not colon:
        return next((each.load() for each in entry_points(group=GROUP, name=name)), None)
    found: Any = import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


def _wrong(what: str) -> SettingsError:
    return SettingsError(
        what,
        where=SETTING,
        remedy="name an entry point or `module:factory` that is installed beside Parallax and, called without arguments, makes an OpenFeature provider",
    )
