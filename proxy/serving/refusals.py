"""What drivers are told when a command is not done: code, name, text, and the labels they act upon.

Source: MongoDB specifications, "Retryable Writes", "Retryable Reads", "Transactions", section "Error Labels".
"""

from collections.abc import Mapping
from typing import Any, Final

from comparators.outcome import Failure

INTERNAL_ERROR: Final = 1
BAD_VALUE: Final = 2
FAILED_TO_PARSE: Final = 9
UNAUTHORIZED: Final = 13
AUTHENTICATION_FAILED: Final = 18
ILLEGAL_OPERATION: Final = 20
LOCK_TIMEOUT: Final = 24
CURSOR_NOT_FOUND: Final = 43
MAX_TIME_EXPIRED: Final = 50
COMMAND_NOT_FOUND: Final = 59
INVALID_OPTIONS: Final = 72
WRITE_CONFLICT: Final = 112
COMMAND_NOT_SUPPORTED: Final = 115
EXCEEDED_MEMORY_LIMIT: Final = 146
TRANSACTION_TOO_OLD: Final = 225
NOT_IMPLEMENTED: Final = 238
NO_SUCH_TRANSACTION: Final = 251
NOT_SUPPORTED_IN_TRANSACTION: Final = 263
INTERRUPTED_AT_SHUTDOWN: Final = 11600
NOT_PRIMARY_OR_SECONDARY: Final = 13436

NAMES: Final[Mapping[int, str]] = {
    INTERNAL_ERROR: "InternalError",
    BAD_VALUE: "BadValue",
    FAILED_TO_PARSE: "FailedToParse",
    UNAUTHORIZED: "Unauthorized",
    AUTHENTICATION_FAILED: "AuthenticationFailed",
    ILLEGAL_OPERATION: "IllegalOperation",
    LOCK_TIMEOUT: "LockTimeout",
    CURSOR_NOT_FOUND: "CursorNotFound",
    MAX_TIME_EXPIRED: "MaxTimeMSExpired",
    COMMAND_NOT_FOUND: "CommandNotFound",
    INVALID_OPTIONS: "InvalidOptions",
    WRITE_CONFLICT: "WriteConflict",
    COMMAND_NOT_SUPPORTED: "CommandNotSupported",
    EXCEEDED_MEMORY_LIMIT: "ExceededMemoryLimit",
    TRANSACTION_TOO_OLD: "TransactionTooOld",
    NOT_IMPLEMENTED: "NotImplemented",
    NO_SUCH_TRANSACTION: "NoSuchTransaction",
    NOT_SUPPORTED_IN_TRANSACTION: "OperationNotSupportedInTransaction",
    INTERRUPTED_AT_SHUTDOWN: "InterruptedAtShutdown",
    NOT_PRIMARY_OR_SECONDARY: "NotPrimaryOrSecondary",
}

TRANSIENT: Final = "TransientTransactionError"
UNKNOWN_COMMIT: Final = "UnknownTransactionCommitResult"
RETRYABLE: Final = "RetryableWriteError"

TRANSIENT_CODES: Final = frozenset(
    {
        LOCK_TIMEOUT,
        WRITE_CONFLICT,
        NO_SUCH_TRANSACTION,
        INTERRUPTED_AT_SHUTDOWN,
        NOT_PRIMARY_OR_SECONDARY,
    }
)
"""After these the whole transaction may be tried again, unless it was the commit that failed."""
RETRYABLE_CODES: Final = frozenset({INTERRUPTED_AT_SHUTDOWN, NOT_PRIMARY_OR_SECONDARY})
"""After these a retryable write may be sent again: its mark keeps it from being done twice."""


class RefusalError(Exception):
    """The answer to a command is a refusal; `labels` are beside those that follow from the code."""

    def __init__(self, code: int, text: str, *, labels: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.labels = labels


def refusal(error: RefusalError) -> dict[str, Any]:
    """Return the reply that a refusal is."""
    name = NAMES.get(error.code, f"Location{error.code}")
    return failed(Failure(code=error.code, code_name=name, message=error.text))


def failed(failure: Failure) -> dict[str, Any]:
    """Return the reply to a command that failed as a whole."""
    reply: dict[str, Any] = {
        "ok": 0.0,
        "errmsg": failure.message or failure.code_name,
        "code": failure.code,
        "codeName": failure.code_name,
    }
    if failure.key_pattern is not None:
        reply["keyPattern"] = failure.key_pattern
        reply["keyValue"] = failure.key_value
    return reply


def away(what: str) -> RefusalError:
    """Return the refusal while PostgreSQL is away: drivers look for a primary anew, and try again."""
    return RefusalError(NOT_PRIMARY_OR_SECONDARY, f"node is recovering: {what}")
