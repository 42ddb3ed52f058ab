"""What MongoDB itself would answer as an error."""

from collections.abc import Mapping
from typing import Any, Final

CODE_NAMES: Final[Mapping[int, str]] = {
    2: "BadValue",
    9: "FailedToParse",
    14: "TypeMismatch",
    15: "Overflow",
    20: "IllegalOperation",
    26: "NamespaceNotFound",
    27: "IndexNotFound",
    28: "PathNotViable",
    40: "ConflictingUpdateOperators",
    48: "NamespaceExists",
    52: "DollarPrefixedFieldName",
    53: "InvalidIdField",
    56: "EmptyFieldName",
    57: "DottedFieldName",
    66: "ImmutableField",
    54: "NotSingleValueField",
    72: "InvalidOptions",
    73: "InvalidNamespace",
    115: "CommandNotSupported",
    121: "DocumentValidationFailure",
    159: "DurationOverflow",
    165: "ViewDepthLimitExceeded",
    167: "OptionNotSupportedOnView",
    168: "InvalidPipelineOperator",
    224: "QueryFeatureNotAllowed",
    238: "NotImplemented",
    241: "ConversionFailure",
    10334: "BSONObjectTooLarge",
    11000: "DuplicateKey",
}
"""The codes that have a name of their own; any other is called `Location` and the number."""


class CommandFailure(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """MongoDB would refuse the command, or the statement of a batch, with this code."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        code_name: str | None = None,
        key_pattern: dict[str, Any] | None = None,
        key_value: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.code_name = code_name or CODE_NAMES.get(code, f"Location{code}")
        self.message = message
        self.key_pattern = key_pattern
        self.key_value = key_value
