"""A file that people and Parallax change: replaced whole, by one at a time. Errors call it by what is in it."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from comparators.errors import SettingsError

FLAGS: Final = "flags"
RULES: Final = "rules"
_AGAIN_S: Final = 0.05


def replace_file(path: Path, text: str, *, what: str) -> None:
    """Replace the file at once, so that nobody reads half of it; SettingsError where that cannot be."""
    half = path.with_name(f"{path.name}.new")
    try:
        half.write_text(text, encoding="utf-8")
        half.replace(path)
    except OSError as error:
        raise _not_written(path, error, what) from error


@contextmanager
def sole_change(path: Path, *, what: str = FLAGS) -> Iterator[None]:
    """Keep everybody else from changing the file between a reading and a writing; not for who must not wait."""
    with _folder_of(path, what) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@asynccontextmanager
async def sole_change_of(path: Path, *, what: str = FLAGS) -> AsyncIterator[None]:
    """Do the same in a loop, in which others may hold it and wait for the ledger."""
    with _folder_of(path, what) as descriptor:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_AGAIN_S)
        yield


@contextmanager
def _folder_of(path: Path, what: str) -> Iterator[int]:
    try:
        # The folder, not the file: that is replaced.
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _not_written(path, error, what) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _not_written(path: Path, error: OSError, what: str) -> SettingsError:
    return SettingsError(
        f"the {what} cannot be written: {error.strerror}",
        where=str(path),
        remedy=f"name a file in a folder that this user may write in [{what}] file",
    )
