"""Regular expressions of JavaScript, as far as Python's mean the same.

Source: ECMA-262, "RegExp (Regular Expression) Objects"; Python documentation, "re".
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from adapters.mongoose.javascript import WHITESPACE
from comparators.errors import UnsupportedError

REGULAR_EXPRESSION: Final = "$regularExpression"
FLAGS: Final = {
    "i": re.IGNORECASE,
    "m": re.MULTILINE,
    "s": re.DOTALL,
    "g": re.NOFLAG,
    "u": re.NOFLAG,
}
_APART: Final = re.compile(r"\\[pPkcux0]|\(\?<|\(\?[a-z#]|\[\^?\]|\[[^\]]*\\S")
"""What the two languages read differently, and is not translated."""
_PART: Final = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|[$.]", re.DOTALL)
_WITHIN: Final = "".join(f"\\u{ord(letter):04x}" for letter in WHITESPACE)


def found_in(option: Any, value: str) -> bool:
    """Return whether a text has a match of an exported expression."""
    if not isinstance(option, Mapping) or REGULAR_EXPRESSION not in option:
        raise UnsupportedError(
            "a `match` that was not exported",
            where="validating",
            remedy="export the models anew",
        )
    expression = option[REGULAR_EXPRESSION]
    return _compiled(expression["pattern"], expression["options"]).search(value) is not None


@cache
def _compiled(pattern: str, options: str) -> re.Pattern[str]:
    if _APART.search(pattern) or not set(options) <= FLAGS.keys():
        raise UnsupportedError(
            f"the regular expression /{pattern}/{options}",
            where="validating `match`",
            remedy="write it without named groups, lookbehind and Unicode escapes",
        )
    flags = re.ASCII
    for option in options:
        flags |= FLAGS[option]
    return re.compile(_PART.sub(lambda part: _part(part[0], options), pattern), flags)


def _part(part: str, options: str) -> str:
    # Python's `$` also matches before a line break at the end, and fewer characters are white space or break a line.
    if part.startswith("["):
        return part.replace(r"\s", _WITHIN)
    if part == "$" and "m" not in options:
        return r"\Z"
    if part == "." and "s" not in options:
        return r"[^\n\r\u2028\u2029]"
    return {r"\s": f"[{_WITHIN}]", r"\S": f"[^{_WITHIN}]"}.get(part, part)
