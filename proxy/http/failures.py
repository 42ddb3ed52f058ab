"""What models and databases refuse, as problems."""

from collections.abc import Callable, Mapping
from typing import Final

from adapters.gateway import ConflictError
from adapters.mongoose.errors import (
    CastError,
    DocumentNotFoundError,
    DuplicateKeyError,
    ServerError,
    StrictModeError,
    ValidationError,
    VersionError,
)
from adapters.repositories import appending
from comparators.errors import (
    CorruptionError,
    ParallaxError,
    RefusedError,
    UnreachableError,
    UnsupportedError,
)
from proxy.http.problems import Code, PathError, ProblemError

AGAIN: Final[Mapping[str, str]] = {"Retry-After": "1"}
_WRITE_CONFLICT: Final = 112
_NO_SUCH_TRANSACTION: Final = 251
_TOO_LATE: Final = 50
_CODES: Final[Mapping[int, Code]] = {
    _WRITE_CONFLICT: Code.CONFLICT,
    _NO_SUCH_TRANSACTION: Code.TRANSACTION_OVER,
    _TOO_LATE: Code.TOOK_TOO_LONG,
}
_UNMET: Final[Mapping[str, Code]] = {
    "transaction": Code.TRANSACTION_OVER,
    "cursor": Code.BAD_CURSOR,
    "page": Code.BAD_CURSOR,
    appending.WHERE: Code.APPEND_ONLY,
}
"""What a repository refuses, by where."""


def problem_of(error: ParallaxError) -> ProblemError | None:
    """Return the problem that a foreseen error is to a client; None where it is none of the client's."""
    for kind, made in _PROBLEMS.items():
        if isinstance(error, kind):
            return made(error)
    return None


def _invalid(error: ParallaxError) -> ProblemError:
    errors = error.errors.values() if isinstance(error, ValidationError) else ()
    told = [PathError(each.path, each.kind or each.name, each.message) for each in errors]
    return ProblemError(Code.INVALID, error.what, errors=told)


def _uncastable(error: ParallaxError) -> ProblemError:
    path, kind = (error.path, error.kind) if isinstance(error, CastError) else ("", "")
    told = [PathError(path, kind, error.what)]
    code = Code.BAD_ID if path == "_id" else Code.BAD_QUERY
    return ProblemError(code, error.what, errors=told)


def _strict(error: ParallaxError) -> ProblemError:
    path = error.path if isinstance(error, StrictModeError) else ""
    return ProblemError(Code.INVALID, error.what, errors=[PathError(path, "strict", error.what)])


def _duplicate(error: ParallaxError) -> ProblemError:
    pattern = error.key_pattern if isinstance(error, DuplicateKeyError) else None
    told = [PathError(path, "unique", "the value is taken") for path in pattern or {}]
    return ProblemError(Code.DUPLICATE, error.what, errors=told)


def _refused(error: ParallaxError) -> ProblemError:
    number = error.code if isinstance(error, ServerError) else 0
    code = _CODES.get(number, Code.BAD_QUERY)
    return ProblemError(code, f"{error.what} (code {number} of MongoDB)")


def _stale(error: ParallaxError) -> ProblemError:
    return ProblemError(Code.CHANGED_MEANWHILE, error.what)


def _gone(error: ParallaxError) -> ProblemError:
    return ProblemError(Code.NO_SUCH_DOCUMENT, error.what)


def _unmet(error: ParallaxError) -> ProblemError:
    return ProblemError(_UNMET.get(error.where, Code.REFUSED), f"{error.what}; {error.remedy}")


def _conflict(_: ParallaxError) -> ProblemError:
    return ProblemError(Code.CONFLICT, "nothing was changed; try again", headers=AGAIN)


def _away(_: ParallaxError) -> ProblemError:
    return ProblemError(Code.UNREACHABLE, "try again later", headers=AGAIN)


def _damaged(_: ParallaxError) -> ProblemError:
    return ProblemError(Code.DAMAGED, "take it from a backup")


def _unsupported(error: ParallaxError) -> ProblemError:
    return ProblemError(Code.UNSUPPORTED, error.what)


_PROBLEMS: Final[Mapping[type[ParallaxError], Callable[[ParallaxError], ProblemError]]] = {
    ValidationError: _invalid,
    CastError: _uncastable,
    StrictModeError: _strict,
    DuplicateKeyError: _duplicate,
    ServerError: _refused,
    VersionError: _stale,
    DocumentNotFoundError: _gone,
    CorruptionError: _damaged,
    RefusedError: _unmet,
    ConflictError: _conflict,
    UnreachableError: _away,
    UnsupportedError: _unsupported,
}
"""By kind, the more special first."""
