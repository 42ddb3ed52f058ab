"""The flags file on disk: read whole, replaced whole, changed by one at a time."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from comparators.errors import SettingsError
from proxy.flags.document import EMPTY, parsed


def read_flags(path: Path) -> Mapping[str, Any]:
    """Return the flags of a file, none where there is no file; SettingsError where it is broken."""
    try:
        return parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return EMPTY
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"the flags cannot be read: {error}",
            where=str(path),
            remedy="correct the file: docs/flags.md says what stands in it",
        ) from error


def write_flags(path: Path, document: Mapping[str, Any]) -> None:
    """Replace the file at once, so that nobody reads half of it; SettingsError where that cannot be."""
    text = json.dumps(document, indent=2) + "\n"
    parsed(text)
    half = path.with_name(f"{path.name}.new")
    try:
        half.write_text(text, encoding="utf-8")
        half.replace(path)
    except OSError as error:
        raise _not_written(path, error) from error


@contextmanager
def sole_change(path: Path) -> Iterator[None]:
    """Keep everybody else from changing the file between a reading and a writing."""
    try:
        # The folder, not the file: that is replaced.
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _not_written(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _not_written(path: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"the flags cannot be written: {error.strerror}",
        where=str(path),
        remedy="name a file in a folder that this user may write in [flags] file",
    )
