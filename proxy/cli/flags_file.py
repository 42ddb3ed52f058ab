"""Which file the flags are in, and whose flag a command means."""

from pathlib import Path

from comparators.errors import RefusedError, SettingsError
from proxy.flags.document import DEFAULT, SHADOW
from proxy.settings import Settings


def flags_file_of(settings: Settings) -> Path:
    """Return the flags file; SettingsError where there is none, RefusedError where another provider has the flags."""
    if settings.flags.provider:
        raise RefusedError(
            f"the flags are those of the provider {settings.flags.provider!r}, which only its own tools change",
            where="flags.provider",
            remedy="set the flag there; `parallax flags ls` shows what it says, and what is held back",
        )
    if settings.flags_file is None:
        raise SettingsError(
            f"there is no flags file: everything is in `{SHADOW}`",
            where="flags.file",
            remedy="name one in the settings of `parallax serve` and of this command",
        )
    return settings.flags_file


def namespace_of(collection: str) -> str:
    """Return the namespace that somebody means, empty for the default; SettingsError for what is none."""
    if collection == DEFAULT:
        return ""
    database, dot, name = collection.partition(".")
    if not (database and dot and name):
        raise SettingsError(
            f"{collection!r} is no collection",
            where="COLLECTION",
            remedy=f"write it as database.collection, or {DEFAULT} for all that have no flag of their own",
        )
    return collection
