"""Every way in which a request can fail: a stable code, a status and a title, as RFC 9457 says it.

The table in docs/api.md is checked against `PROBLEMS`. A client goes by `code`; `detail` is for people.
"""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, NamedTuple

CONTENT_TYPE: Final = "application/problem+json"
_TYPE: Final = "urn:parallax:problem:"
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Code(StrEnum):
    """What went wrong, for a program to go by."""

    BAD_REQUEST = "bad_request"
    BAD_JSON = "bad_json"
    BAD_DOCUMENT = "bad_document"
    TOO_DEEP = "too_deep"
    BAD_PARAMETER = "bad_parameter"
    BAD_CURSOR = "bad_cursor"
    BAD_ID = "bad_id"
    BAD_QUERY = "bad_query"
    BAD_UPDATE = "bad_update"
    FORBIDDEN_OPERATOR = "forbidden_operator"
    UNAUTHENTICATED = "unauthenticated"
    OUT_OF_SCOPE = "out_of_scope"
    HIDDEN_FIELD = "hidden_field"
    APPEND_ONLY = "append_only"
    NO_SUCH_PLACE = "no_such_place"
    NO_SUCH_ENTITY = "no_such_entity"
    NO_SUCH_DOCUMENT = "no_such_document"
    NO_SUCH_TRANSACTION = "no_such_transaction"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    TRANSACTION_OVER = "transaction_over"
    REFUSED = "refused"
    IN_FLIGHT = "in_flight"
    OUTCOME_UNKNOWN = "outcome_unknown"
    CHANGED_MEANWHILE = "changed_meanwhile"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    NO_SUCH_RANGE = "no_such_range"
    INVALID = "invalid"
    UNSUPPORTED = "unsupported"
    KEY_REUSED = "key_reused"
    TOO_MANY_REQUESTS = "too_many_requests"
    TOO_MANY_TRANSACTIONS = "too_many_transactions"
    BUG = "bug"
    DAMAGED = "damaged"
    UNREACHABLE = "unreachable"
    TOOK_TOO_LONG = "took_too_long"


class Problem(NamedTuple):
    """What a code means to HTTP, and to a reader."""

    status: HTTPStatus
    title: str


PROBLEMS: Final[Mapping[Code, Problem]] = {
    Code.BAD_REQUEST: Problem(HTTPStatus.BAD_REQUEST, "The request is not HTTP as it should be"),
    Code.BAD_JSON: Problem(HTTPStatus.BAD_REQUEST, "The body or a parameter is not JSON"),
    Code.BAD_DOCUMENT: Problem(HTTPStatus.BAD_REQUEST, "A value cannot be stored as BSON"),
    Code.TOO_DEEP: Problem(HTTPStatus.BAD_REQUEST, "Too many levels of nesting"),
    Code.BAD_PARAMETER: Problem(HTTPStatus.BAD_REQUEST, "A parameter or a member is wrong"),
    Code.BAD_CURSOR: Problem(HTTPStatus.BAD_REQUEST, "The cursor is not one of this list"),
    Code.BAD_ID: Problem(HTTPStatus.BAD_REQUEST, "The id is none of this entity"),
    Code.BAD_QUERY: Problem(HTTPStatus.BAD_REQUEST, "The database refuses the query"),
    Code.BAD_UPDATE: Problem(HTTPStatus.BAD_REQUEST, "The database refuses the change"),
    Code.FORBIDDEN_OPERATOR: Problem(
        HTTPStatus.BAD_REQUEST, "An operator that this API does not run"
    ),
    Code.UNAUTHENTICATED: Problem(HTTPStatus.UNAUTHORIZED, "No token, or one that is not known"),
    Code.OUT_OF_SCOPE: Problem(HTTPStatus.FORBIDDEN, "The token may not do this"),
    Code.HIDDEN_FIELD: Problem(HTTPStatus.FORBIDDEN, "A field that only the scope admin may name"),
    Code.APPEND_ONLY: Problem(
        HTTPStatus.FORBIDDEN, "The documents of this entity are never changed or deleted"
    ),
    Code.NO_SUCH_PLACE: Problem(HTTPStatus.NOT_FOUND, "Nothing is at this path"),
    Code.NO_SUCH_ENTITY: Problem(HTTPStatus.NOT_FOUND, "There is no entity of this name"),
    Code.NO_SUCH_DOCUMENT: Problem(HTTPStatus.NOT_FOUND, "There is no document with this id"),
    Code.NO_SUCH_TRANSACTION: Problem(
        HTTPStatus.NOT_FOUND, "This token has no transaction of this id"
    ),
    Code.METHOD_NOT_ALLOWED: Problem(
        HTTPStatus.METHOD_NOT_ALLOWED, "The path does not know this method"
    ),
    Code.DUPLICATE: Problem(HTTPStatus.CONFLICT, "A unique value is taken"),
    Code.CONFLICT: Problem(HTTPStatus.CONFLICT, "Another write came between; try again"),
    Code.TRANSACTION_OVER: Problem(HTTPStatus.CONFLICT, "The transaction was undone"),
    Code.REFUSED: Problem(HTTPStatus.CONFLICT, "As things are, this is not done"),
    Code.IN_FLIGHT: Problem(HTTPStatus.CONFLICT, "A request with this key is under way"),
    Code.OUTCOME_UNKNOWN: Problem(
        HTTPStatus.CONFLICT, "A request with this key was cut off; look what became of it"
    ),
    Code.CHANGED_MEANWHILE: Problem(
        HTTPStatus.PRECONDITION_FAILED, "The document is not at the version that was named"
    ),
    Code.TOO_LARGE: Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large"),
    Code.NOT_JSON: Problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "A body must say that it is application/json"
    ),
    Code.NO_SUCH_RANGE: Problem(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "The file does not reach so far"
    ),
    Code.INVALID: Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "The document does not fit its model; `errors` tells where"
    ),
    Code.UNSUPPORTED: Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "The database behind the API cannot do this"
    ),
    Code.KEY_REUSED: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The key belongs to another request"),
    Code.TOO_MANY_REQUESTS: Problem(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests"),
    Code.TOO_MANY_TRANSACTIONS: Problem(HTTPStatus.TOO_MANY_REQUESTS, "Too many open transactions"),
    Code.BUG: Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "A bug; please report it"),
    Code.DAMAGED: Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "What is stored is not whole"),
    Code.UNREACHABLE: Problem(HTTPStatus.SERVICE_UNAVAILABLE, "The database does not answer"),
    Code.TOOK_TOO_LONG: Problem(HTTPStatus.GATEWAY_TIMEOUT, "The database took too long"),
}


class PathError(NamedTuple):
    """What is wrong at one path of a document, in Mongoose's words for it."""

    path: str
    kind: str
    message: str


class ProblemError(Exception):
    """A request that is answered with a problem."""

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        errors: Sequence[PathError] = (),
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers

    @property
    def status(self) -> int:
        """The status of the answer."""
        return PROBLEMS[self.code].status.value

    def body(self) -> dict[str, Any]:
        """Return the answer as an object."""
        told: dict[str, Any] = {
            "type": _TYPE + self.code,
            "title": PROBLEMS[self.code].title,
            "status": self.status,
            "code": self.code.value,
            "detail": self.detail,
        }
        if self.errors:
            told["errors"] = [error._asdict() for error in self.errors]
        return told

    def text(self) -> str:
        """Return the answer as JSON."""
        return json.dumps(self.body(), ensure_ascii=True)
