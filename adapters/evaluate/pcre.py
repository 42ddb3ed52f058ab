r"""PCRE, as MongoDB 6.0 compiles it, in the dialect of the `regex` package.

MongoDB runs PCRE 8 in UTF-8 mode without Unicode properties: `\w`, `\d`, `\s`, `\b` and the POSIX classes
know ASCII only, case knows all of Unicode. What has no exact counterpart is unsupported by name.
Source: pcrepattern(3) of PCRE 8.45; MongoDB manual, "$regex".
"""

import re
from collections.abc import Mapping
from typing import Final

from adapters.evaluate.pcre_elements import (
    BACKREFERENCE,
    BRACED_OCTAL,
    CAPTURES,
    COLLATING,
    CONDITION,
    COUNTED,
    GROUP_REFERENCE,
    GROUPS,
    HEX,
    LAST_CHARACTER,
    LEADING_FLAGS,
    OCTAL,
    POSIX_CLASS,
    QUANTIFIER,
    WHITE,
)
from adapters.evaluate.pcre_escapes import (
    ASSERTIONS,
    COMPLEMENTS,
    CONTROLS,
    POSIX_CLASSES,
    SETS,
)
from adapters.query.failures import CommandFailure
from adapters.query.unsupported import unsupported

INVALID_PATTERN: Final = 51091
MAX_REPEAT: Final = 65535
_LOOKS: Final = frozenset({"(?=", "(?!", "(?<=", "(?<!"})
FORWARD: Final = "$regex with a reference into its own group or a later one"

UNSUPPORTED_ESCAPES: Final = frozenset("CpP")
_REFUSED_ESCAPES: Final = frozenset("LlUu")
"""Escapes of Perl that PCRE refuses."""
_FLAGS: Final[Mapping[str, int]] = {
    "i": re.IGNORECASE,
    "m": re.MULTILINE,
    "s": re.DOTALL,
    "x": re.VERBOSE,
}


def translated(source: str, flags: int) -> tuple[str, int]:
    """Return the pattern in the other dialect, and the flags with those that it opens with."""
    leading = LEADING_FLAGS.match(source)
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
        self.groups = len(CAPTURES.findall(source))
        self.captured = 0
        self.names: dict[str, int] = {}
        # The numbers of the captures that are open, None for other groups.
        self.inside: list[int | None] = []
        self.looks: list[bool] = []
        # Whether there is something that a quantifier may repeat, and whether it is a look around.
        self.repeatable = False
        self.looked = False
        # For each open group the modes that come back at its end.
        self.modes: list[tuple[bool, bool]] = []
        # For each open group the flags set inside of it, which hold up to its end.
        self.opened: list[list[str]] = [[]]

    def text(self) -> str:
        while self.at < len(self.source):
            self._next()
        self.out.append(")" * len(self.opened[0]))
        return "".join(self.out)

    def _next(self) -> None:
        if self._quantified():
            return
        character = self.source[self.at]
        self.at += 1
        if self.verbose and character in WHITE:
            self.out.append(character)
            return
        if character == "#" and self.verbose:
            self.at = self._end_of("\n")
            return
        repeatable = self.repeatable
        self.repeatable, self.looked = character not in "^$", False
        if character == "\\":
            self.out.append(self._escape())
        elif character == "[":
            self.out.append(self._class())
        elif character == "(":
            self._open(repeatable=repeatable)
        elif character == ")":
            self._close()
        elif character == "|":
            self.repeatable = False
            self._alternative()
        elif character == "^" and self.multiline:
            # PCRE sees no start of a line behind a newline that ends the subject.
            self.out.append(r"(?:\A|(?<=\n)(?!\Z))")
        elif character in "{}":
            self.out.append(f"\\{character}")
        else:
            self.out.append(character)

    def _quantified(self) -> bool:
        """Take over how often the last item is repeated, if that comes next."""
        found = QUANTIFIER.match(self.source, self.at)
        if found is None:
            return False
        if not self.repeatable:
            raise _invalid("nothing to repeat")
        if self.looked:
            raise unsupported("$regex with a repeated look around", where="regular expression")
        if any(int(number) > MAX_REPEAT for number in re.findall(r"\d+", found[0])):
            raise _invalid("number too big in {} quantifier")
        self.out.append(found[0])
        self.at = found.end()
        self.repeatable = False
        return True

    def _end_of(self, closing: str) -> int:
        """Return where a comment or quotation ends; one that does not would swallow MongoDB's own end."""
        end = self.source.find(closing, self.at)
        if end < 0:
            raise _invalid("missing )")
        return end

    def _open(self, *, repeatable: bool) -> None:
        if self.source.startswith("*", self.at):
            raise unsupported("$regex with (*…)", where="regular expression")
        if not self.source.startswith("?", self.at):
            self._capture("(")
            return
        condition = CONDITION.match(self.source, self.at)
        if condition is not None:
            self._conditional(condition)
            return
        found = GROUPS.match(self.source, self.at)
        if found is None:
            raise unsupported(
                f"$regex with ({self.source[self.at : self.at + 2]}", where="regular expression"
            )
        self.at = found.end()
        if found["comment"] is not None:
            self.repeatable = repeatable
            return
        if found["back"]:
            self.out.append(self._named_reference(found["back"]))
            self.repeatable = True
            return
        name = found["angled"] or found["quoted"]
        if name:
            if name in self.names:
                raise _invalid("two named subpatterns have the same name")
            self.names[name] = self.captured + 1
            self._capture(f"(?P<{name}>")
        elif found["plain"]:
            self._group(f"(?{found['plain']}")
        else:
            self._inline_flags(found["on"], found["off"] or "", scoped=found["scoped"] == ":")

    def _conditional(self, condition: re.Match[str]) -> None:
        """Open a group of two branches, of which a captured group chooses one."""
        self.at = condition.end()
        name = condition["angled"] or condition["quoted"] or condition["plain"]
        if name is None:
            name = str(self._absolute(condition["number"], beyond=True))
        elif not re.search(rf"\?P?<{name}>|\?'{name}'", self.source):
            raise _invalid("reference to non-existent subpattern")
        self._group(f"(?({name})")

    def _absolute(self, number: str, *, beyond: bool = False) -> int:
        """Return the number of a group that may be counted from here."""
        if number.startswith("+") and not beyond:
            raise _invalid("a numbered reference must not be zero")
        absolute = int(number)
        if number.startswith("-"):
            absolute += self.captured + 1
        elif number.startswith("+"):
            absolute += self.captured
        if not 1 <= absolute <= self.groups:
            raise _invalid("reference to non-existent subpattern")
        return absolute

    def _inline_flags(self, on: str, off: str, *, scoped: bool) -> None:
        opening = f"(?{on}{'-' if off else ''}{off}:"
        if scoped:
            self._group(opening)
        else:
            self.repeatable = False
        if not scoped and (on or off):
            self.out.append(opening)
            self.opened[-1].append(opening)
        self.multiline = (self.multiline or "m" in on) and "m" not in off
        self.verbose = (self.verbose or "x" in on) and "x" not in off

    def _capture(self, opening: str) -> None:
        self.captured += 1
        self._group(opening, number=self.captured)

    def _group(self, opening: str, *, number: int | None = None) -> None:
        self.repeatable = False
        self.out.append(opening)
        self.inside.append(number)
        self.looks.append(opening in _LOOKS)
        self.opened.append([])
        self.modes.append((self.multiline, self.verbose))

    def _close(self) -> None:
        if len(self.opened) > 1:
            self.out.append(")" * len(self.opened.pop()))
            self.multiline, self.verbose = self.modes.pop()
            self.inside.pop()
            self.looked = self.looks.pop()
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
        if letter in SETS:
            self.at += 1
            return f"(?-i:[{SETS[letter]}])"
        if letter in COMPLEMENTS:
            self.at += 1
            braced = self.source.startswith("{", self.at)
            if letter == "N" and braced and not COUNTED.match(self.source, self.at):
                raise _invalid("PCRE does not support \\N{name}")
            return f"(?-i:[^{COMPLEMENTS[letter]}])"
        if letter in ASSERTIONS:
            self.at += 1
            self.repeatable = letter in "RX"
            return ASSERTIONS[letter]
        if letter in "gk":
            return self._group_reference(letter)
        reference = BACKREFERENCE.match(self.source, self.at)
        if reference and (
            (letter in "1234567" and len(reference[0]) == 1) or int(reference[0]) <= self.groups
        ):
            self.at = reference.end()
            if int(reference[0]) > self.groups:
                raise _invalid("reference to non-existent subpattern")
            return self._reference(int(reference[0]))
        return self._character()

    def _group_reference(self, letter: str) -> str:
        found = GROUP_REFERENCE.match(self.source, self.at)
        if found is None:
            if self.source.startswith(("g<", "g'"), self.at):
                raise unsupported("$regex with \\g<", where="regular expression")
            raise _invalid(f"\\{letter} is not followed by a reference")
        self.at = found.end()
        number = found["braced"] or found["bare"]
        if number:
            return self._reference(self._absolute(number))
        name = found["named"] or found["angled"] or found["quoted"] or found["curled"]
        return self._named_reference(name)

    def _named_reference(self, name: str) -> str:
        if name not in self.names:
            if re.search(rf"\?P?<{name}>|\?'{name}'", self.source):
                raise unsupported(FORWARD, where="regular expression")
            raise _invalid("reference to non-existent subpattern")
        return self._reference(self.names[name])

    def _reference(self, number: int) -> str:
        if number in self.inside:
            # What such a group held in an earlier round is another matter in each engine.
            raise unsupported(FORWARD, where="regular expression")
        return f"(?:\\{number})"

    def _quoted(self) -> str:
        end = self._end_of("\\E")
        literal = self.source[self.at + 1 : end]
        self.at = end + 2
        return "".join(map(_literal, literal))

    def _character(self) -> str:
        """Return one character that an escape stands for, inside of brackets and outside."""
        letter = self.source[self.at]
        if letter in _REFUSED_ESCAPES:
            raise _invalid("PCRE does not support \\L, \\l, \\N{name}, \\U, or \\u")
        if letter in UNSUPPORTED_ESCAPES:
            raise unsupported(f"$regex with \\{letter}", where="regular expression")
        number = HEX.match(self.source, self.at)
        if number:
            self.at = number.end()
            return _literal(chr(int(number[1] or number[2] or "0", 16)))
        if letter == "o":
            return self._braced_octal()
        octal = OCTAL.match(self.source, self.at)
        if octal:
            self.at = octal.end()
            return _literal(chr(int(octal[0], 8)))
        if letter == "c" and self.at + 1 < len(self.source):
            self.at += 2
            return _literal(chr(ord(self.source[self.at - 1].upper()) ^ 64))
        self.at += 1
        return CONTROLS.get(letter) or _literal(letter)

    def _braced_octal(self) -> str:
        found = BRACED_OCTAL.match(self.source, self.at)
        if found is None or int(found[1], 8) > LAST_CHARACTER:
            raise _invalid("an octal number in braces must follow \\o")
        self.at = found.end()
        return _literal(chr(int(found[1], 8)))

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
            start += self._skip_end_of_quotation()
            if self.source.startswith("]", self.at) and self.at > start:
                self.at += 1
                return "".join(singles), sets
            if self.source.startswith("\\Q", self.at):
                self._quote_in_class(singles)
                range_may_begin = bool(singles)
                continue
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

    def _skip_end_of_quotation(self) -> int:
        r"""Pass over a `\E` without a beginning; return its length."""
        length = 2 if self.source.startswith("\\E", self.at) else 0
        self.at += length
        return length

    def _quote_in_class(self, singles: list[str]) -> None:
        self.at += 1
        quoted_from = self.at + 1
        self._quoted()
        quoted = self.source[quoted_from : self.at - 2]
        singles += [r"\-" if each == "-" else _literal(each) for each in quoted]

    def _range_end(self) -> str:
        if self.source.startswith("\\Q", self.at):
            raise unsupported("$regex with [a-\\Q", where="regular expression")
        if self.at >= len(self.source):
            raise _invalid("missing terminating ] for character class")
        end, single = self._item()
        if not single:
            raise _invalid("invalid range in character class")
        return r"\-" if end == "-" else end

    def _item(self) -> tuple[str, bool]:
        """Return one item of a class, and whether it is a single character."""
        character = self.source[self.at]
        posix = POSIX_CLASS.match(self.source, self.at)
        if posix:
            if posix[2] not in POSIX_CLASSES:
                raise _invalid("unknown POSIX class name")
            self.at = posix.end()
            return posix[1] + POSIX_CLASSES[posix[2]], False
        if COLLATING.match(self.source, self.at):
            raise _invalid("POSIX collating elements are not supported")
        self.at += 1
        if character != "\\" or self.at >= len(self.source):
            return ("-" if character == "-" else _literal(character)), True
        letter = self.source[self.at]
        if letter in SETS:
            self.at += 1
            return SETS[letter], False
        if letter == "N":
            raise _invalid("\\N is not supported in a class")
        if letter in COMPLEMENTS:
            self.at += 1
            return "^" + COMPLEMENTS[letter], False
        if letter in "BRX":
            self.at += 1
            return letter, True
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
