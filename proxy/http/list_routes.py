"""The routes that ask an entity for more than one document."""

from collections.abc import Mapping
from typing import Final

from proxy.http import lists
from proxy.http.declared import Answer, Body, Kind, Member, Route
from proxy.http.members import FILTER, OF_QUERY, QUERY
from proxy.http.problems import Code
from proxy.http.tokens import Scope

_JOIN: Final[Mapping[str, str]] = {
    "other": "The other entity",
    "local": "The path whose value is looked for",
    "foreign": "The path of the other entity that must have it",
    "into": "The name under which they stand",
}


def _text(name: str, meaning: str) -> Member:
    return Member(name=name, kind=Kind.TEXT, meaning=meaning, required=True, least=1, most=200)


LISTS: Final[tuple[Route, ...]] = (
    Route(
        name="list",
        method="GET",
        path="/v1/{entity}",
        summary="List documents",
        scope=Scope.READ,
        handler=lists.find,
        query=QUERY,
        transactional=True,
        answers={200: Answer(meaning="A page of them", schema="Page")},
        problems=(*OF_QUERY, Code.BAD_CURSOR),
    ),
    Route(
        name="query",
        method="POST",
        path="/v1/{entity}/query",
        summary="List documents; like `list`, for what does not fit into an address",
        scope=Scope.READ,
        handler=lists.find,
        body=Body(meaning="What is looked for", members=QUERY),
        transactional=True,
        answers={200: Answer(meaning="A page of them", schema="Page")},
        problems=(*OF_QUERY, Code.BAD_CURSOR),
    ),
    Route(
        name="count",
        method="POST",
        path="/v1/{entity}/count",
        summary="Count documents",
        scope=Scope.READ,
        handler=lists.count,
        body=Body(meaning="What is counted", members=(FILTER,)),
        transactional=True,
        answers={200: Answer(meaning="How many there are", schema="Count")},
        problems=OF_QUERY,
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
                FILTER,
            ),
        ),
        transactional=True,
        answers={200: Answer(meaning="Each value once", schema="Values")},
        problems=OF_QUERY,
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
                FILTER,
                *(each for each in QUERY if each.name in {"sort", "limit", "offset"}),
            ),
        ),
        transactional=True,
        answers={200: Answer(meaning="The documents", schema="Items")},
        problems=OF_QUERY,
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
        problems=OF_QUERY,
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
                FILTER,
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
        problems=OF_QUERY,
    ),
)
