"""The flags file on disk."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from comparators.errors import SettingsError
from proxy.changed_file import FLAGS, replace_file
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
    replace_file(path, text, what=FLAGS)
