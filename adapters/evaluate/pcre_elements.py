"""How PCRE spells the elements of a pattern.

Source: pcrepattern(3) of PCRE 8.45.
"""

import re
from typing import Final

GROUPS: Final = re.compile(
    r"\?(?:(?P<plain>[:=!>|]|<[=!])|P?<(?P<angled>\w+)>|'(?P<quoted>\w+)'|P=(?P<back>\w+)\)"
    r"|(?P<on>[imsx]*)(?:-(?P<off>[imsx]+))?(?P<scoped>[:)])|#(?P<comment>[^)]*)\))",
    re.ASCII,
)
LEADING_FLAGS: Final = re.compile(r"(?:\(\?[imsx]+\))+")
COUNTED: Final = re.compile(r"\{\d+(?:,\d*)?\}", re.ASCII)
QUANTIFIER: Final = re.compile(rf"(?:[*+?]|{COUNTED.pattern})[?+]?", re.ASCII)
WHITE: Final = frozenset(" \t\n\v\f\r")
HEX: Final = re.compile(r"x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{0,2}))")
CAPTURES: Final = re.compile(r"(?<!\\)(?<!\(\?)\((?!\?)|\((?=\?P?<\w|\?')")
BACKREFERENCE: Final = re.compile(r"[1-9]\d*", re.ASCII)
LAST_CHARACTER: Final = 0x10FFFF
OCTAL: Final = re.compile(r"[0-7]{1,3}")
BRACED_OCTAL: Final = re.compile(r"o\{([0-7]+)\}")
GROUP_REFERENCE: Final = re.compile(
    r"g(?:\{(?P<braced>[+-]?\d+)\}|(?P<bare>[+-]?\d+)|\{(?P<named>[A-Za-z_]\w*)\})"
    r"|k(?:<(?P<angled>\w+)>|'(?P<quoted>\w+)'|\{(?P<curled>\w+)\})",
    re.ASCII,
)
CONDITION: Final = re.compile(
    r"\?\((?:(?P<number>[+-]?\d+)\)|<(?P<angled>\w+)>\)|'(?P<quoted>\w+)'\)"
    r"|(?!R\)|R\d|R&|DEFINE\))(?P<plain>[A-Za-z_]\w*)\))",
    re.ASCII,
)
POSIX_CLASS: Final = re.compile(r"\[:(\^?)(\w+):\]", re.ASCII)
COLLATING: Final = re.compile(r"\[([.=])(?:\\[\]\\]|(?!\[\1)[^\]])*?\1\]")
