"""The flags file on disk: read whole, replaced whole, changed by one at a time."""

import asyncio
import fcntl
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

from comparators.errors import SettingsError
from proxy.flags.document import EMPTY, parsed

_AGAIN_S: Final = 0.05


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
    """Keep everybody else from changing the file between a reading and a writing; not for who must not wait."""
    with _folder_of(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@asynccontextmanager
async def sole_change_of(path: Path) -> AsyncIterator[None]:
    """Do the same in a loop, in which others may hold it and wait for the ledger."""
    with _folder_of(path) as descriptor:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_AGAIN_S)
        yield


@contextmanager
def _folder_of(path: Path) -> Iterator[int]:
    try:
        # The folder, not the file: that is replaced.
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _not_written(path, error) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _not_written(path: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"the flags cannot be written: {error.strerror}",
        where=str(path),
        remedy="name a file in a folder that this user may write in [flags] file",
    )
