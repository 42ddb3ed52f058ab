"""What the driver's errors mean: MongoDB's own refusal, two transactions in each other's way, or no answer.

Source: MongoDB specifications, "Transactions", section "Error Labels".
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from adapters.gateway import ConflictError
from comparators.errors import UnreachableError
from comparators.outcome import Failure

TRANSIENT: Final = "TransientTransactionError"
UNKNOWN_COMMIT: Final = "UnknownTransactionCommitResult"
ACCESS: Final = frozenset({13, 18})
"""Unauthorized, AuthenticationFailed: no matter of the operation."""


def failure_of(error: OperationFailure) -> Failure:
    """Return MongoDB's refusal of a command as a whole."""
    details: Mapping[str, Any] = error.details or {}
    return Failure(
        code=error.code or 0,
        code_name=str(details.get("codeName", "")),
        key_pattern=_plain(details.get("keyPattern")),
        key_value=_plain(details.get("keyValue")),
        message=str(details.get("errmsg", "")),
    )


@contextmanager
def translated(where: str, *, transaction: bool = False) -> Iterator[None]:
    """Turn the driver's errors into ours; refusals of one operation pass, for `failure_of`."""
    try:
        yield
    except OperationFailure as error:
        if transaction and error.has_error_label(TRANSIENT):
            raise ConflictError(
                f"MongoDB undid the transaction with code {error.code}",
                where=where,
                remedy="try the transaction again",
            ) from error
        if error.code in ACCESS:
            raise UnreachableError(
                f"MongoDB refuses access with code {error.code}",
                where=where,
                remedy="check the user, the password and the roles in the URI",
            ) from error
        raise
    except PyMongoError as error:
        if not isinstance(error, ConnectionFailure):
            raise
        raise UnreachableError(
            f"MongoDB does not answer: {type(error).__name__}",
            where=where,
            remedy="check that the URI reaches the primary; a write may have been done nevertheless",
        ) from error


def _plain(value: Any) -> dict[str, Any] | None:
    return None if value is None else dict(value)
