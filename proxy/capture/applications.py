"""Which application speaks on which connection, as its driver says when it connects: a file beside the log, from the relay to the verifier.

A line for each connection, in the order in which they came; connections have numbers of their own over all runs of a relay. When the file has
grown it becomes the older one of two, and what was the older one goes.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from proxy.capture.segment import FILE_MODE

FILE: Final = "applications"
OLDER: Final = "applications.older"
MOST_BYTES: Final = 1024 * 1024
_MOST_CHARACTERS: Final = 200


class Applications:
    """The relay's end."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def note(self, connection: int, application: str) -> None:
        """Add what a driver says of the application and of itself. Raises OSError."""
        path = self._directory / FILE
        line = f"{json.dumps([connection, application[:_MOST_CHARACTERS]])}\n"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE)
        try:
            os.write(descriptor, line.encode())
            size = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        if size > MOST_BYTES:
            path.replace(self._directory / OLDER)


class KnownApplications:
    """The verifier's end: it reads on when it is asked about a connection that it does not know."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[int, str] = {}
        self._file: int | None = None
        self._read_bytes = 0

    def of(self, connection: int) -> str:
        """Return what the driver of a connection said; empty where it said nothing, or nobody knows any more."""
        found = self._known.get(connection)
        if found is None:
            self._read_on()
        return self._known.get(connection, "")

    def _read_on(self) -> None:
        try:
            with (self._directory / FILE).open("rb") as file:
                number = os.fstat(file.fileno()).st_ino
                if number != self._file:
                    self._begin_anew(number)
                file.seek(self._read_bytes)
                self._take(file.read())
        except FileNotFoundError:
            # No relay has met anybody since the file became the older one.
            self._begin_anew(None)

    def _begin_anew(self, file: int | None) -> None:
        self._file, self._read_bytes, self._known = file, 0, {}
        # It is not there before the file has grown that much.
        with suppress(FileNotFoundError):
            self._take((self._directory / OLDER).read_bytes())
        self._read_bytes = 0

    def _take(self, lines: bytes) -> None:
        whole = lines[: lines.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        for line in whole.splitlines():
            try:
                connection, application = json.loads(line)
                self._known[int(connection)] = str(application)
            except (ValueError, TypeError):
                # A line that a dying relay left behind half.
                continue
