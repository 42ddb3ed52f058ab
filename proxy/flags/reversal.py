"""How flags are taken back: those of a file are set to `shadow` in it."""

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from proxy.changed_file import sole_change
from proxy.flags.document import SHADOW, Standing, may_serve, said, serving, with_flag
from proxy.flags.file import read_flags, write_flags
from proxy.flags.phases import Direction

ALL: Final = "*"
"""In place of a collection, where it cannot be said which one is concerned."""


class Answering(NamedTuple):
    """For which collections the gateway may answer, or be waited for."""

    names: frozenset[str]
    """Those known by name; the default's is empty."""
    may: Callable[[str], bool]
    """Whether it may for a collection, in any direction."""


class Reversal(Protocol):
    """Where flags are taken back. `proxy.flags.brake.Brake` is one, and the file another. Both raise SettingsError."""

    def answering(self) -> Answering:
        """Return for whom the gateway may answer."""
        ...

    def set_back(self, heard: Mapping[str, str]) -> list[tuple[Standing, str]]:
        """Take back what may answer and was heard of; return what held before, with the reasons."""
        ...


class FileReversal:
    """Sets flags back in their file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def answering(self) -> Answering:
        document = read_flags(self._file)

        def may(namespace: str) -> bool:
            return any(may_serve(document, direction, namespace) for direction in Direction)

        return Answering(frozenset(each.namespace for each in serving(document)), may)

    def set_back(self, heard: Mapping[str, str]) -> list[tuple[Standing, str]]:
        return set_back(self._file, heard)


def set_back(file: Path, heard: Mapping[str, str]) -> list[tuple[Standing, str]]:
    """Set the flags of collections to `shadow` where the gateway may answer; return what they said, with the reasons."""
    changed: list[tuple[Standing, str]] = []
    with sole_change(file):
        document = read_flags(file)
        for (namespace, reason), direction in product(_spread(document, heard), Direction):
            if not may_serve(document, direction, namespace):
                continue
            before = said(document, direction, namespace)
            standing = Standing(direction=direction, namespace=namespace, said=before)
            changed.append((standing, reason))
            document = with_flag(document, direction, namespace, SHADOW)
        if changed:
            write_flags(file, document)
    return changed


def _spread(document: Mapping[str, object], heard: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Return what was heard, of every flag what was heard of all."""
    yield from ((namespace, reason) for namespace, reason in heard.items() if namespace != ALL)
    if ALL in heard:
        yield from ((each.namespace, heard[ALL]) for each in serving(document))
