"""The routes of stored files."""

from typing import Final

from proxy.http import stored
from proxy.http.declared import Answer, Kind, Member, Route
from proxy.http.members import QUERY
from proxy.http.problems import Code
from proxy.http.tokens import Scope

STORED_FILES: Final[tuple[Route, ...]] = (
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
            *(each for each in QUERY if each.name in {"limit", "cursor"}),
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
)
