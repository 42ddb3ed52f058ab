"""Every route of the API."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from proxy.http import batches, documents, held, lists, populates, stored
from proxy.http.declared import Answer, Body, Kind, Member, Route
from proxy.http.problems import Code
from proxy.http.search_routes import SEARCH_SCHEMAS, SEARCHES
from proxy.http.tokens import Scope

_POPULATE: Final = Member(
    name="populate",
    kind=Kind.OBJECTS,
    meaning="References to replace by the documents they point at: `path`, and `select`, `match`, `model`, "
    "`populate` where they are wanted",
    most=populates.MOST,
)
_QUERY: Final = (
    Member(name="filter", kind=Kind.OBJECT, meaning="MongoDB's filter; everything without one"),
    Member(name="projection", kind=Kind.OBJECT, meaning="MongoDB's projection"),
    Member(name="sort", kind=Kind.OBJECT, meaning="Paths with 1 or -1, the first one first"),
    Member(
        name="limit",
        kind=Kind.INTEGER,
        meaning="Documents of a page",
        least=1,
        most=lists.MOST,
        default=lists.USUAL,
    ),
    Member(
        name="offset",
        kind=Kind.INTEGER,
        meaning="Documents to skip; not together with `cursor`",
        least=0,
        most=1_000_000,
        default=0,
    ),
    Member(
        name="cursor",
        kind=Kind.TEXT,
        meaning="`next` of the page before; filter and sort must be the same",
        most=2_000,
    ),
    _POPULATE,
    Member(
        name="total",
        kind=Kind.BOOLEAN,
        meaning="Count all documents of the list as well",
        default=False,
    ),
)
_PROJECTION: Final = (_QUERY[1], _POPULATE)
_FILTER: Final = Member(name="filter", kind=Kind.OBJECT, meaning="MongoDB's filter")
_JOIN: Final[Mapping[str, str]] = {
    "other": "The other entity",
    "local": "The path whose value is looked for",
    "foreign": "The path of the other entity that must have it",
    "into": "The name under which they stand",
}


def _text(name: str, meaning: str) -> Member:
    return Member(name=name, kind=Kind.TEXT, meaning=meaning, required=True, least=1, most=200)


_DOCUMENT: Final = Answer(meaning="The document", schema="Document", headers=("ETag",))
_OF_QUERY: Final = (Code.BAD_QUERY, Code.FORBIDDEN_OPERATOR, Code.HIDDEN_FIELD, Code.UNSUPPORTED)
_OF_WRITE: Final = (Code.INVALID, Code.DUPLICATE, Code.CONFLICT, Code.UNSUPPORTED)
_OF_CHANGE: Final = (
    *_OF_WRITE,
    Code.NO_SUCH_DOCUMENT,
    Code.BAD_ID,
    Code.BAD_QUERY,
    Code.BAD_UPDATE,
    Code.CHANGED_MEANWHILE,
    Code.FORBIDDEN_OPERATOR,
    Code.HIDDEN_FIELD,
)

ROUTES: Final[tuple[Route, ...]] = (
    *SEARCHES,
    Route(
        name="begin_transaction",
        method="POST",
        path="/v1/transactions",
        summary="Begin a transaction; name its id in the header `Transaction` of what belongs to it",
        scope=Scope.WRITE,
        handler=held.begin,
        body=Body(
            meaning="How long it may last",
            members=(
                Member(
                    name="timeout_s",
                    kind=Kind.NUMBER,
                    meaning="Seconds after which it is undone; no longer than the server allows",
                    least=0.1,
                    most=86_400,
                ),
            ),
        ),
        answers={201: Answer(meaning="It has begun", schema="Transaction", headers=("Location",))},
        problems=(Code.TOO_MANY_TRANSACTIONS, Code.UNSUPPORTED),
    ),
    Route(
        name="commit_transaction",
        method="POST",
        path="/v1/transactions/{transaction}/commit",
        summary="Let everything in a transaction take effect",
        scope=Scope.WRITE,
        handler=held.commit,
        answers={200: Answer(meaning="It has taken effect", schema="Transaction")},
        problems=(Code.NO_SUCH_TRANSACTION, Code.TRANSACTION_OVER, Code.CONFLICT),
    ),
    Route(
        name="abort_transaction",
        method="POST",
        path="/v1/transactions/{transaction}/abort",
        summary="Undo everything in a transaction",
        scope=Scope.WRITE,
        handler=held.abort,
        answers={200: Answer(meaning="It is undone", schema="Transaction")},
        problems=(Code.NO_SUCH_TRANSACTION, Code.TRANSACTION_OVER),
    ),
    Route(
        name="store_file",
        method="POST",
        path="/v1/stored-files",
        summary="Store the body as a file",
        scope=Scope.WRITE,
        stream=stored.upload,
        content=stored.TYPE,
        query=(
            Member(
                name="filename",
                kind=Kind.TEXT,
                meaning="Its name",
                required=True,
                least=1,
                most=1000,
            ),
            Member(name="metadata", kind=Kind.OBJECT, meaning="What else is to be known of it"),
        ),
        answers={
            201: Answer(meaning="It is stored", schema="StoredFile", headers=("ETag", "Location"))
        },
        problems=(Code.BAD_QUERY, Code.UNSUPPORTED),
    ),
    Route(
        name="list_files",
        method="GET",
        path="/v1/stored-files",
        summary="List stored files, the newest first",
        scope=Scope.READ,
        handler=stored.find,
        query=(
            Member(name="filename", kind=Kind.TEXT, meaning="The name that they have", most=1000),
            *(each for each in _QUERY if each.name in {"limit", "cursor"}),
        ),
        answers={200: Answer(meaning="A page of them", schema="Page")},
        problems=(Code.BAD_CURSOR,),
    ),
    Route(
        name="get_file",
        method="GET",
        path="/v1/stored-files/{file}",
        summary="Tell what is known of a stored file",
        scope=Scope.READ,
        handler=stored.get,
        answers={200: Answer(meaning="It", schema="StoredFile", headers=("ETag",))},
        problems=(Code.NO_SUCH_DOCUMENT,),
    ),
    Route(
        name="get_content",
        method="GET",
        path="/v1/stored-files/{file}/content",
        summary="Send a stored file, or a part of it",
        scope=Scope.READ,
        stream=stored.content,
        conditions=("If-None-Match", "Range", "If-Range"),
        answers={
            200: Answer(
                meaning="All of it", content=stored.TYPE, headers=("ETag", "Content-Disposition")
            ),
            206: Answer(meaning="A part", content=stored.TYPE, headers=("ETag", "Content-Range")),
            304: Answer(meaning="The client has it", headers=("ETag",)),
        },
        problems=(Code.NO_SUCH_DOCUMENT, Code.NO_SUCH_RANGE, Code.DAMAGED),
    ),
    Route(
        name="delete_file",
        method="DELETE",
        path="/v1/stored-files/{file}",
        summary="Delete a stored file",
        scope=Scope.WRITE,
        handler=stored.delete,
        writes=True,
        answers={204: Answer(meaning="It is deleted")},
        problems=(Code.NO_SUCH_DOCUMENT,),
    ),
    Route(
        name="list",
        method="GET",
        path="/v1/{entity}",
        summary="List documents",
        scope=Scope.READ,
        handler=lists.find,
        query=_QUERY,
        transactional=True,
        answers={200: Answer(meaning="A page of them", schema="Page")},
        problems=(*_OF_QUERY, Code.BAD_CURSOR),
    ),
    Route(
        name="create",
        method="POST",
        path="/v1/{entity}",
        summary="Create a document",
        scope=Scope.WRITE,
        handler=documents.create,
        body=Body(meaning="The document"),
        writes=True,
        transactional=True,
        answers={
            201: Answer(
                meaning="The document as it is stored",
                schema="Document",
                headers=("ETag", "Location"),
            )
        },
        problems=(*_OF_WRITE, Code.BAD_QUERY),
    ),
    Route(
        name="query",
        method="POST",
        path="/v1/{entity}/query",
        summary="List documents; like `list`, for what does not fit into an address",
        scope=Scope.READ,
        handler=lists.find,
        body=Body(meaning="What is looked for", members=_QUERY),
        transactional=True,
        answers={200: Answer(meaning="A page of them", schema="Page")},
        problems=(*_OF_QUERY, Code.BAD_CURSOR),
    ),
    Route(
        name="count",
        method="POST",
        path="/v1/{entity}/count",
        summary="Count documents",
        scope=Scope.READ,
        handler=lists.count,
        body=Body(meaning="What is counted", members=(_FILTER,)),
        transactional=True,
        answers={200: Answer(meaning="How many there are", schema="Count")},
        problems=_OF_QUERY,
    ),
    Route(
        name="distinct",
        method="POST",
        path="/v1/{entity}/distinct",
        summary="Give the values at a path",
        scope=Scope.READ,
        handler=lists.distinct,
        body=Body(
            meaning="Where to look",
            members=(
                Member(
                    name="path",
                    kind=Kind.TEXT,
                    meaning="A path of documents",
                    required=True,
                    least=1,
                    most=1000,
                ),
                _FILTER,
            ),
        ),
        transactional=True,
        answers={200: Answer(meaning="Each value once", schema="Values")},
        problems=_OF_QUERY,
    ),
    Route(
        name="join",
        method="POST",
        path="/v1/{entity}/join",
        summary="List documents, each with those of another entity that have the same value",
        scope=Scope.READ,
        handler=lists.join,
        body=Body(
            meaning="What is joined",
            members=(
                *(_text(name, meaning) for name, meaning in _JOIN.items()),
                Member(
                    name="one",
                    kind=Kind.BOOLEAN,
                    meaning="The first of them instead of a list",
                    default=False,
                ),
                _FILTER,
                *(each for each in _QUERY if each.name in {"sort", "limit", "offset"}),
            ),
        ),
        transactional=True,
        answers={200: Answer(meaning="The documents", schema="Items")},
        problems=_OF_QUERY,
    ),
    Route(
        name="aggregate",
        method="POST",
        path="/v1/{entity}/aggregate",
        summary="Run a pipeline that only reads",
        scope=Scope.READ,
        handler=lists.aggregate,
        body=Body(
            meaning="What is run",
            members=(
                Member(
                    name="pipeline",
                    kind=Kind.OBJECTS,
                    meaning="Stages of MongoDB's aggregation",
                    required=True,
                    most=100,
                ),
            ),
        ),
        transactional=True,
        answers={200: Answer(meaning="What it gives", schema="Items")},
        problems=_OF_QUERY,
    ),
    Route(
        name="search",
        method="POST",
        path="/v1/{entity}/search",
        summary="Find documents by words",
        scope=Scope.READ,
        handler=lists.search,
        body=Body(
            meaning="What is looked for",
            members=(
                Member(
                    name="query",
                    kind=Kind.TEXT,
                    meaning="Words, all of which must be there",
                    required=True,
                    least=1,
                    most=1000,
                ),
                _FILTER,
                Member(
                    name="limit",
                    kind=Kind.INTEGER,
                    meaning="At most so many documents",
                    least=1,
                    most=lists.MOST,
                    default=lists.USUAL,
                ),
            ),
        ),
        transactional=True,
        owned=True,
        answers={200: Answer(meaning="The best ones, and who found them", schema="Found")},
        problems=_OF_QUERY,
    ),
    Route(
        name="batch",
        method="POST",
        path="/v1/{entity}/batch",
        summary="Create, change and delete several documents",
        scope=Scope.WRITE,
        handler=batches.batch,
        body=Body(
            meaning="What is done",
            members=(
                Member(
                    name="operations",
                    kind=Kind.OBJECTS,
                    meaning='Each one of `{"create": document}`, `{"update": {"id", "change", "ifMatch"}}`, '
                    '`{"replace": {"id", "document", "ifMatch"}}`, `{"delete": {"id", "ifMatch"}}`, '
                    '`{"updateMany": {"filter", "change"}}` and `{"deleteMany": {"filter"}}`',
                    required=True,
                    least=1,
                    most=batches.MOST,
                ),
                Member(
                    name="atomic",
                    kind=Kind.BOOLEAN,
                    meaning="All of them take effect or none",
                    default=False,
                ),
                Member(
                    name="continue",
                    kind=Kind.BOOLEAN,
                    meaning="Go on after one that fails; not where they are atomic",
                    default=False,
                ),
            ),
        ),
        writes=True,
        transactional=True,
        answers={200: Answer(meaning="What became of each", schema="Results")},
        problems=_OF_CHANGE,
    ),
    Route(
        name="get",
        method="GET",
        path="/v1/{entity}/{id}",
        summary="Get a document",
        scope=Scope.READ,
        handler=documents.get,
        query=_PROJECTION,
        conditions=("If-None-Match",),
        transactional=True,
        answers={200: _DOCUMENT, 304: Answer(meaning="The client has it", headers=("ETag",))},
        problems=(Code.NO_SUCH_DOCUMENT, Code.BAD_ID, *_OF_QUERY),
    ),
    Route(
        name="patch",
        method="PATCH",
        path="/v1/{entity}/{id}",
        summary="Change a document",
        scope=Scope.WRITE,
        handler=documents.patch,
        body=Body(meaning="Fields to set, or MongoDB's update operators"),
        conditions=("If-Match",),
        writes=True,
        transactional=True,
        answers={200: _DOCUMENT},
        problems=_OF_CHANGE,
    ),
    Route(
        name="replace",
        method="PUT",
        path="/v1/{entity}/{id}",
        summary="Replace a document; what is hidden and not named stays",
        scope=Scope.WRITE,
        handler=documents.put,
        body=Body(meaning="The whole document"),
        conditions=("If-Match",),
        writes=True,
        transactional=True,
        answers={200: _DOCUMENT},
        problems=_OF_CHANGE,
    ),
    Route(
        name="delete",
        method="DELETE",
        path="/v1/{entity}/{id}",
        summary="Delete a document",
        scope=Scope.WRITE,
        handler=documents.delete,
        conditions=("If-Match",),
        writes=True,
        transactional=True,
        answers={204: Answer(meaning="It is deleted")},
        problems=(
            Code.NO_SUCH_DOCUMENT,
            Code.BAD_ID,
            Code.CONFLICT,
            Code.CHANGED_MEANWHILE,
            Code.UNSUPPORTED,
        ),
    ),
)


def problems_of(route: Route) -> frozenset[Code]:
    """Return everything that a route may answer instead."""
    found = {
        *route.problems,
        Code.BAD_REQUEST,
        Code.UNAUTHENTICATED,
        Code.OUT_OF_SCOPE,
        Code.TOO_MANY_REQUESTS,
        Code.BUG,
        Code.UNREACHABLE,
        Code.TOOK_TOO_LONG,
        Code.BAD_PARAMETER,
        Code.TOO_LARGE,
    }
    if "{entity}" in route.path and route.entity is None:
        found.add(Code.NO_SUCH_ENTITY)
    if route.body is not None or route.query:
        found |= {Code.BAD_JSON, Code.BAD_DOCUMENT, Code.TOO_DEEP}
    if route.body is not None:
        found.add(Code.NOT_JSON)
    if route.writes:
        found |= {Code.IN_FLIGHT, Code.KEY_REUSED, Code.OUTCOME_UNKNOWN}
    if route.transactional:
        found |= {Code.NO_SUCH_TRANSACTION, Code.TRANSACTION_OVER}
    return frozenset(found)


SCHEMAS: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "Document": {
            "type": "object",
            "description": 'A document as relaxed Extended JSON; types that JSON lacks are objects such as `{"$oid": …}`',
            "properties": {"_id": {}},
            "required": ["_id"],
        },
        "Page": {
            "type": "object",
            "properties": {
                "items": {"type": "array", "items": {"type": "object"}},
                "next": {"type": ["string", "null"], "description": "The cursor of the next page"},
                "total": {"type": "integer"},
            },
            "required": ["items"],
        },
        "StoredFile": {
            "type": "object",
            "properties": {
                "_id": {},
                "filename": {"type": "string"},
                "length": {"type": "integer", "minimum": 0},
                "uploadDate": {},
                "metadata": {"type": "object"},
                "contentType": {"type": "string"},
                "sha256": {"type": "string", "description": "Of the content, as in the `ETag`"},
            },
            "required": ["_id", "length", "uploadDate"],
        },
        "Items": {
            "type": "object",
            "properties": {"items": {"type": "array", "items": {"type": "object"}}},
            "required": ["items"],
        },
        "Found": {
            "type": "object",
            "properties": {
                "items": {"type": "array", "items": {"type": "object"}},
                "by": {"enum": ["engine", "database"], "description": "Who found them"},
                "because": {"type": "string", "description": "Why it was not the engine"},
            },
            "required": ["items", "by", "because"],
        },
        "Result": {
            "type": "object",
            "properties": {"result": {"description": "null where it finds nothing"}},
            "required": ["result"],
        },
        "Values": {
            "type": "object",
            "properties": {"values": {"type": "array"}},
            "required": ["values"],
        },
        **SEARCH_SCHEMAS,
        "Count": {
            "type": "object",
            "properties": {"count": {"type": "integer", "minimum": 0}},
            "required": ["count"],
        },
        "Results": {
            "type": "object",
            "properties": {
                "results": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "status": {"type": "integer"},
                            "document": {"type": "object"},
                            "count": {"type": "integer"},
                            "problem": {"$ref": "#/components/schemas/Problem"},
                        },
                        "required": ["status"],
                    },
                }
            },
            "required": ["results"],
        },
        "Transaction": {
            "type": "object",
            "properties": {
                "id": {"type": "string"},
                "state": {"enum": ["open", "committed", "aborted"]},
                "timeout_s": {"type": "number"},
            },
            "required": ["id", "state"],
        },
        "Problem": {
            "type": "object",
            "description": "RFC 9457; go by `code`",
            "properties": {
                "type": {"type": "string", "format": "uri"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "code": {"enum": [code.value for code in Code]},
                "detail": {"type": "string"},
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "path": {"type": "string"},
                            "kind": {"type": "string"},
                            "message": {"type": "string"},
                        },
                        "required": ["path", "kind", "message"],
                    },
                },
            },
            "required": ["type", "title", "status", "code", "detail"],
        },
    }
)
