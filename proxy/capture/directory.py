"""The directory of the capture log: for its owner alone, one writer, one reader.

The files hold the application's data. A directory of ours that others may enter is closed to them; one that
belongs to somebody else and is open to others is refused.
"""

import errno
import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from comparators.errors import CapacityError, ParallaxError, RefusedError, SettingsError
from proxy.capture.segment import FILE_MODE

DIRECTORY_MODE: Final = 0o700
WRITER_LOCK: Final = "writer.lock"
READER_LOCK: Final = "reader.lock"

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE})
_SIGN_BYTES: Final = 64
_FOR_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def private_directory(directory: Path) -> None:
    """Make `directory`, or close an existing one to everybody but us."""
    try:
        directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        found = directory.stat()
        if stat.S_IMODE(found.st_mode) == DIRECTORY_MODE:
            return
        if found.st_uid == os.geteuid():
            directory.chmod(DIRECTORY_MODE)
            return
    except OSError as error:
        raise _unusable(directory, error) from error
    if found.st_mode & _FOR_OTHERS:
        raise SettingsError(
            f"the capture directory belongs to user {found.st_uid} and is open to others",
            where=str(directory),
            remedy="name a directory of our own in [capture] directory, or change its owner",
        )


class DirectoryLock:
    """Hold one of the two roles in a capture directory until `release`, or until the process ends."""

    def __init__(self, directory: Path, name: str) -> None:
        path = directory / name
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
            os.fchmod(self._descriptor, FILE_MODE)
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, _SIGN_BYTES, 0).decode().split("\n")[0]
            os.close(self._descriptor)
            raise RefusedError(
                f"process {holder or 'unknown'} holds this capture directory",
                where=str(path),
                remedy="stop that process, or name another [capture] directory",
            ) from error
        self.left_note = _note(os.pread(self._descriptor, _SIGN_BYTES, 0))
        """What the holder before us noted last; empty if nothing."""
        self.note(self.left_note)

    @property
    def is_removed(self) -> bool:
        """Return whether the lock file is gone, so that somebody else may take the role."""
        return self._descriptor < 0 or os.fstat(self._descriptor).st_nlink == 0

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.release()

    def note(self, text: str) -> None:
        """Leave our pid and a word for whoever comes next, in place: on a full disk, too."""
        line = f"{os.getpid()}\n{text}\n".encode().ljust(_SIGN_BYTES)
        # On a full disk a file that never held a note cannot take one. It is a courtesy, then, that is lost.
        with suppress(OSError):
            os.pwrite(self._descriptor, line, 0)


class WriterLock(DirectoryLock):
    """The right to write the log: the relay's."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, WRITER_LOCK)


class ReaderLock(DirectoryLock):
    """The right to verify the log and to remove what is verified: the verifier's."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, READER_LOCK)


class KeptLock:
    """Keep verifiers away from a log while it is read; any number of readers may hold this at once.

    Where no verifier has ever been, there is nothing to lock, and nothing is written.
    """

    def __init__(self, directory: Path) -> None:
        self._descriptor = -1
        path = directory / READER_LOCK
        try:
            self._descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, _SIGN_BYTES, 0).decode().split("\n")[0]
            os.close(self._descriptor)
            raise RefusedError(
                f"the verifier in process {holder or 'unknown'} works on this log",
                where=str(path),
                remedy="stop it, or take a copy of the part that you want with `parallax capture cut`",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


def _note(content: bytes) -> str:
    lines = content.decode(errors="replace").split("\n")
    return lines[1] if len(lines) > 1 else ""


def _unusable(path: Path, error: OSError) -> ParallaxError:
    kind = CapacityError if error.errno in _NO_ROOM else SettingsError
    return kind(
        f"the capture directory cannot be used: {error.strerror}",
        where=str(path),
        remedy="make room, or name a directory that we may create and write in [capture] directory",
    )
