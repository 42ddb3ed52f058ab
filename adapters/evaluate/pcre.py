r"""PCRE, as MongoDB 6.0 compiles it, in the dialect of the `regex` package.

MongoDB runs PCRE 8 in UTF-8 mode without Unicode properties: `\w`, `\d`, `\s`, `\b` and the POSIX classes
know ASCII only, case knows all of Unicode. What has no exact counterpart is unsupported by name.
Source: pcrepattern(3) of PCRE 8.45; MongoDB manual, "$regex".
"""

import re
from collections.abc import Mapping
from typing import Final

from adapters.query.failures import CommandFailure
from adapters.query.unsupported import unsupported

INVALID_PATTERN: Final = 51091
MAX_REPEAT: Final = 65535

_WORD: Final = "0-9A-Z_a-z"
_NOT_WORD: Final = r"\x00-/:-@\[-\^`\{-\U0010ffff"
_DIGIT: Final = "0-9"
_NOT_DIGIT: Final = r"\x00-/:-\U0010ffff"
_SPACE: Final = r"\t-\r "
_NOT_SPACE: Final = r"\x00-\x08\x0e-\x1f!-\U0010ffff"
_BLANK: Final = r"\t \xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000"
_BREAK: Final = r"\n-\r\x85\u2028\u2029"

_SETS: Final[Mapping[str, str]] = {
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

_COMPLEMENTS: Final[Mapping[str, str]] = {"H": _BLANK, "V": _BREAK, "N": r"\n"}
"""Escapes that stand for all but these; only outside of brackets."""

_POSIX: Final[Mapping[str, str]] = {
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
_ASSERTIONS: Final[Mapping[str, str]] = {
    "A": r"\A",
    "Z": r"(?=\n?\Z)",
    "z": r"\Z",
    "b": f"(?-i:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))",
    "B": f"(?-i:(?<=[{_WORD}])(?=[{_WORD}])|(?<![{_WORD}])(?![{_WORD}]))",
    "R": rf"(?>\r\n|[{_BREAK}])",
    "K": r"\K",
    "X": r"\X",
}
_CONTROLS: Final[Mapping[str, str]] = {
    "a": r"\x07",
    "e": r"\x1b",
    "f": r"\x0c",
    "n": r"\n",
    "r": r"\r",
    "t": r"\t",
}
UNSUPPORTED_ESCAPES: Final = frozenset("CGgopPQEkLlUu")
_GROUPS: Final = re.compile(
    r"\?(?:(?P<plain>[:=!>|]|<[=!])|P?<(?P<angled>\w+)>|'(?P<quoted>\w+)'|P=(?P<back>\w+)\)"
    r"|(?P<on>[imsx]*)(?:-(?P<off>[imsx]+))?(?P<scoped>[:)])|#(?P<comment>[^)]*)\))",
    re.ASCII,
)
_LEADING_FLAGS: Final = re.compile(r"(?:\(\?[imsx]+\))+")
_QUANTIFIER: Final = re.compile(r"\{\d+(?:,\d*)?\}", re.ASCII)
_HEX: Final = re.compile(r"x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{0,2}))")
_CAPTURES: Final = re.compile(r"(?<!\\)\((?!\?)|\((?=\?P?<\w|\?')")
_BACKREFERENCE: Final = re.compile(r"[1-9]\d*", re.ASCII)
_OCTAL: Final = re.compile(r"[0-7]{1,3}")
_POSIX_CLASS: Final = re.compile(r"\[:(\^?)(\w+):\]", re.ASCII)

_FLAGS: Final[Mapping[str, int]] = {
    "i": re.IGNORECASE,
    "m": re.MULTILINE,
    "s": re.DOTALL,
    "x": re.VERBOSE,
}


def translated(source: str, flags: int) -> tuple[str, int]:
    """Return the pattern in the other dialect, and the flags with those that it opens with."""
    leading = _LEADING_FLAGS.match(source)
    if leading:
        for letter in re.findall(r"[imsx]", leading[0]):
            flags |= _FLAGS[letter]
        source = source[leading.end() :]
    return _Translation(source, flags).text(), flags


class _Translation:
    """A pattern on its way from one dialect into the other."""

    def __init__(self, source: str, flags: int) -> None:
        self.source = source
        self.at = 0
        self.verbose = bool(flags & re.VERBOSE)
        self.multiline = bool(flags & re.MULTILINE)
        self.out: list[str] = []
        self.groups = len(_CAPTURES.findall(source))
        # For each open group the flags set inside of it, which hold up to its end.
        self.opened: list[list[str]] = [[]]

    def text(self) -> str:
        while self.at < len(self.source):
            self._next()
        self.out.append(")" * len(self.opened[0]))
        return "".join(self.out)

    def _next(self) -> None:
        character = self.source[self.at]
        self.at += 1
        if character == "\\":
            self.out.append(self._escape())
        elif character == "[":
            self.out.append(self._class())
        elif character == "(":
            self._open()
        elif character == ")":
            self._close()
        elif character == "|":
            self._alternative()
        elif character == "^" and self.multiline:
            # PCRE sees no start of a line behind a newline that ends the subject.
            self.out.append(r"(?:\A|(?<=\n)(?!\Z))")
        elif character == "#" and self.verbose:
            self.at = self._end_of("\n")
        elif character == "{":
            self._brace()
        elif character == "}":
            self.out.append(r"\}")
        else:
            self.out.append(character)

    def _brace(self) -> None:
        quantifier = _QUANTIFIER.match(self.source, self.at - 1)
        if quantifier is None:
            self.out.append(r"\{")
        else:
            if any(int(number) > MAX_REPEAT for number in re.findall(r"\d+", quantifier[0])):
                raise _invalid("number too big in {} quantifier")
            self.out.append(quantifier[0])
            self.at = quantifier.end()

    def _end_of(self, closing: str) -> int:
        """Return where a comment or quotation ends; one that does not would swallow MongoDB's own end."""
        end = self.source.find(closing, self.at)
        if end < 0:
            raise _invalid("missing )")
        return end

    def _open(self) -> None:
        if self.source.startswith("*", self.at):
            raise unsupported("$regex with (*…)", where="regular expression")
        if not self.source.startswith("?", self.at):
            self.out.append("(")
            self.opened.append([])
            return
        found = _GROUPS.match(self.source, self.at)
        if found is None:
            raise unsupported(
                f"$regex with ({self.source[self.at : self.at + 2]}", where="regular expression"
            )
        self.at = found.end()
        if found["comment"] is not None:
            return
        if found["back"]:
            self.out.append(f"(?P={found['back']})")
            return
        name = found["angled"] or found["quoted"]
        if name:
            self._group(f"(?P<{name}>")
        elif found["plain"]:
            self._group(f"(?{found['plain']}")
        else:
            self._inline_flags(found["on"], found["off"] or "", scoped=found["scoped"] == ":")

    def _inline_flags(self, on: str, off: str, *, scoped: bool) -> None:
        if set(on + off) & {"m", "x"}:
            raise unsupported("$regex with (?m) or (?x) inside", where="regular expression")
        opening = f"(?{on}{'-' if off else ''}{off}:"
        if scoped:
            self._group(opening)
        elif on or off:
            self.out.append(opening)
            self.opened[-1].append(opening)

    def _group(self, opening: str) -> None:
        self.out.append(opening)
        self.opened.append([])

    def _close(self) -> None:
        if len(self.opened) > 1:
            self.out.append(")" * len(self.opened.pop()))
        self.out.append(")")

    def _alternative(self) -> None:
        inside = self.opened[-1]
        self.out.append(")" * len(inside) + "|" + "".join(inside))

    def _escape(self) -> str:
        if self.at >= len(self.source):
            return "\\"
        letter = self.source[self.at]
        if letter == "Q":
            return self._quoted()
        if letter == "E":
            self.at += 1
            return ""
        if letter in _SETS:
            self.at += 1
            return f"(?-i:[{_SETS[letter]}])"
        if letter in _COMPLEMENTS:
            self.at += 1
            return f"(?-i:[^{_COMPLEMENTS[letter]}])"
        if letter in _ASSERTIONS:
            self.at += 1
            return _ASSERTIONS[letter]
        reference = _BACKREFERENCE.match(self.source, self.at)
        if reference and (
            (letter in "1234567" and len(reference[0]) == 1) or int(reference[0]) <= self.groups
        ):
            self.at = reference.end()
            return f"(?:\\{reference[0]})"
        return self._character()

    def _quoted(self) -> str:
        end = self._end_of("\\E")
        literal = self.source[self.at + 1 : end]
        self.at = end + 2
        return "".join(map(_literal, literal))

    def _character(self) -> str:
        """Return one character that an escape stands for, inside of brackets and outside."""
        letter = self.source[self.at]
        if letter in UNSUPPORTED_ESCAPES:
            raise unsupported(f"$regex with \\{letter}", where="regular expression")
        number = _HEX.match(self.source, self.at)
        if number:
            self.at = number.end()
            return _literal(chr(int(number[1] or number[2] or "0", 16)))
        octal = _OCTAL.match(self.source, self.at)
        if octal:
            self.at = octal.end()
            return _literal(chr(int(octal[0], 8)))
        if letter == "c" and self.at + 1 < len(self.source):
            self.at += 2
            return _literal(chr(ord(self.source[self.at - 1].upper()) ^ 64))
        self.at += 1
        return _CONTROLS.get(letter) or _literal(letter)

    def _class(self) -> str:
        negated = self.source.startswith("^", self.at)
        self.at += negated
        singles, sets = self._members()
        parts = [f"[{singles}]"] if singles else []
        parts += [f"(?-i:[{each}])" for each in sets]
        if not sets:
            return f"[{'^' if negated else ''}{singles}]"
        inside = "|".join(parts)
        return f"(?:(?!{inside})(?s:.))" if negated else f"(?:{inside})"

    def _members(self) -> tuple[str, list[str]]:
        """Return the characters and ranges of a class, and the sets that it names."""
        singles: list[str] = []
        sets: list[str] = []
        start = self.at
        range_may_begin = False
        while self.at < len(self.source):
            if self.source[self.at] == "]" and self.at > start:
                self.at += 1
                return "".join(singles), sets
            item, single = self._item()
            if not single:
                sets.append(item)
            elif item == "-" and range_may_begin and not self.source.startswith("]", self.at):
                singles += ["-", self._range_end()]
                range_may_begin = False
                continue
            else:
                singles.append(r"\-" if item == "-" else item)
            range_may_begin = single
        raise _invalid("missing terminating ] for character class")

    def _range_end(self) -> str:
        if self.at >= len(self.source):
            raise _invalid("missing terminating ] for character class")
        end, single = self._item()
        if not single:
            raise _invalid("invalid range in character class")
        return r"\-" if end == "-" else end

    def _item(self) -> tuple[str, bool]:
        """Return one item of a class, and whether it is a single character."""
        character = self.source[self.at]
        posix = _POSIX_CLASS.match(self.source, self.at)
        if posix:
            if posix[2] not in _POSIX:
                raise _invalid("unknown POSIX class name")
            self.at = posix.end()
            return posix[1] + _POSIX[posix[2]], False
        self.at += 1
        if character != "\\" or self.at >= len(self.source):
            return ("-" if character == "-" else _literal(character)), True
        letter = self.source[self.at]
        if letter in _SETS:
            self.at += 1
            return _SETS[letter], False
        if letter in _COMPLEMENTS or letter in "RX":
            raise unsupported(f"$regex with [\\{letter}]", where="regular expression")
        if letter == "b":
            self.at += 1
            return r"\x08", True
        return self._character(), True


def _invalid(reason: str) -> CommandFailure:
    return CommandFailure(INVALID_PATTERN, f"Regular expression is invalid: {reason}")


def _literal(character: str) -> str:
    """Return a character that stands for itself, inside of brackets and outside."""
    if character.isascii() and not character.isalnum() and character != "_":
        return f"\\x{ord(character):02x}"
    return character
