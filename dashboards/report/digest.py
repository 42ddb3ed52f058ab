"""A digest over a report, by which it is recognised later, and by which a signature stands for its figures.

It covers the JSON form without the digest itself, written in one way: names sorted, no spaces, UTF-8.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from comparators.errors import SettingsError

DIGEST: Final = "digest"
FILES: Final = "files"
_METHOD: Final = "sha256:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of a check: the digest that the content has, that which it says it has, and files that are others now."""

    found: str
    stated: str
    altered: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing was changed; a file that is not there was not."""
        return self.found == self.stated and not self.altered


def digest_of(content: Mapping[str, Any]) -> str:
    """Return the digest of a report in its JSON form."""
    covered = {name: value for name, value in content.items() if name not in {DIGEST, FILES}}
    written = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return digest_of_text(written)


def digest_of_text(text: str) -> str:
    """Return the digest of a text."""
    return _METHOD + hashlib.sha256(text.encode()).hexdigest()


def check(text: str, beside: Mapping[str, str], *, where: str) -> Checked:
    """Return whether a report in its JSON form, and the files beside it, are as they were written.

    SettingsError where the text is no report.
    """
    try:
        content = json.loads(text)
        stated, files = content[DIGEST], content[FILES]
        expected = {str(name): str(digest) for name, digest in files.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SettingsError(
            "this is no report with a digest",
            where=where,
            remedy="name the report.json that `parallax report` wrote",
        ) from error
    return Checked(
        found=digest_of(content),
        stated=str(stated),
        altered=tuple(
            name
            for name, digest in expected.items()
            if name in beside and digest_of_text(beside[name]) != digest
        ),
        missing=tuple(name for name in expected if name not in beside),
    )
