r"""What PCRE's escapes and named classes stand for, in the dialect of the `regex` package.

Without Unicode properties `\w`, `\d`, `\s`, `\b` and the POSIX classes know ASCII only.
Source: pcrepattern(3) of PCRE 8.45.
"""

from collections.abc import Mapping
from typing import Final

_WORD: Final = "0-9A-Z_a-z"
_NOT_WORD: Final = r"\x00-/:-@\[-\^`\{-\U0010ffff"
_DIGIT: Final = "0-9"
_NOT_DIGIT: Final = r"\x00-/:-\U0010ffff"
_SPACE: Final = r"\t-\r "
_NOT_SPACE: Final = r"\x00-\x08\x0e-\x1f!-\U0010ffff"
_BLANK: Final = r"\t \xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000"
_BREAK: Final = r"\n-\r\x85\u2028\u2029"

SETS: Final[Mapping[str, str]] = {
    "d": _DIGIT,
    "D": _NOT_DIGIT,
    "w": _WORD,
    "W": _NOT_WORD,
    "s": _SPACE,
    "S": _NOT_SPACE,
    "h": _BLANK,
    "v": _BREAK,
}
"""The contents of a class that an escape stands for, inside of brackets and outside."""

COMPLEMENTS: Final[Mapping[str, str]] = {"H": _BLANK, "V": _BREAK, "N": r"\n"}
"""Escapes that stand for all but these; only outside of brackets."""

POSIX_CLASSES: Final[Mapping[str, str]] = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": _DIGIT,
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`\{-~",
    "space": _SPACE,
    "upper": "A-Z",
    "word": _WORD,
    "xdigit": "0-9A-Fa-f",
}

# Case is no matter of a set, whatever the flags: the long s is no word character.
ASSERTIONS: Final[Mapping[str, str]] = {
    "A": r"\A",
    # A search of the server always begins at the beginning.
    "G": r"\A",
    "Z": r"(?=\n?\Z)",
    "z": r"\Z",
    "b": f"(?-i:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))",
    "B": f"(?-i:(?<=[{_WORD}])(?=[{_WORD}])|(?<![{_WORD}])(?![{_WORD}]))",
    "R": rf"(?>\r\n|[{_BREAK}])",
    "K": r"\K",
    "X": r"\X",
}
CONTROLS: Final[Mapping[str, str]] = {
    "a": r"\x07",
    "e": r"\x1b",
    "f": r"\x0c",
    "n": r"\n",
    "r": r"\r",
    "t": r"\t",
}
