"""The routes of single documents, and of many writes at once."""

from typing import Final

from proxy.http import batches, documents
from proxy.http.declared import Answer, Body, Kind, Member, Route
from proxy.http.members import OF_QUERY, PROJECTION
from proxy.http.problems import Code
from proxy.http.tokens import Scope

_DOCUMENT: Final = Answer(meaning="The document", schema="Document", headers=("ETag",))
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


DOCUMENTS: Final[tuple[Route, ...]] = (
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
        changes=True,
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
        query=PROJECTION,
        conditions=("If-None-Match",),
        transactional=True,
        answers={200: _DOCUMENT, 304: Answer(meaning="The client has it", headers=("ETag",))},
        problems=(Code.NO_SUCH_DOCUMENT, Code.BAD_ID, *OF_QUERY),
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
        changes=True,
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
        changes=True,
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
        changes=True,
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
