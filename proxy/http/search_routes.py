"""The routes of searches across entities, and what they answer."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from adapters.search.searching import MOST
from proxy.http import searches
from proxy.http.declared import Answer, Body, Kind, Member, Route
from proxy.http.tokens import Scope

_WORDS: Final = Member(
    name="query", kind=Kind.TEXT, meaning="What is looked for", required=True, least=1, most=1000
)
_USER: Final = Member(
    name="user",
    kind=Kind.TEXT,
    meaning="For whom; a token of a user stands for its own",
    least=1,
    most=200,
)
_SEARCH: Final = (
    _WORDS,
    _USER,
    Member(
        name="entities",
        kind=Kind.TEXT,
        meaning="Names of entities with commas between; all that can be searched without them",
        most=200,
    ),
    Member(name="since", kind=Kind.TEXT, meaning="Made at this date or later", most=40),
    Member(name="until", kind=Kind.TEXT, meaning="Made before this date", most=40),
    *(
        Member(name=name, kind=Kind.TEXT, meaning=f"With this `{name}`", least=1, most=200)
        for name in searches.FIELDS
    ),
    Member(
        name="limit",
        kind=Kind.INTEGER,
        meaning="At most so many documents",
        least=1,
        most=MOST,
        default=20,
    ),
    Member(
        name="offset",
        kind=Kind.INTEGER,
        meaning="Documents of each entity to skip",
        least=0,
        most=900,
        default=0,
    ),
)
_SUGGESTIONS: Final = (
    _WORDS,
    _USER,
    Member(name="limit", kind=Kind.INTEGER, meaning="At most so many", least=1, most=20, default=5),
)

SEARCHES: Final[tuple[Route, ...]] = (
    Route(
        name="search_all",
        method="POST",
        path="/v1/search",
        summary="Find documents of several entities by words, for one user",
        scope=Scope.READ,
        handler=searches.search,
        body=Body(meaning="What is looked for", members=_SEARCH),
        owned=True,
        answers={200: Answer(meaning="The best ones of each entity in turn", schema="FoundAll")},
    ),
    Route(
        name="suggest",
        method="GET",
        path="/v1/search/suggestions",
        summary="Give titles that begin so, for one user",
        scope=Scope.READ,
        handler=searches.suggest,
        query=_SUGGESTIONS,
        owned=True,
        answers={200: Answer(meaning="The newest first", schema="Suggestions")},
    ),
    Route(
        name="search_statistics",
        method="GET",
        path="/v1/search/statistics",
        summary="Tell how the indexes stand, and how engine and database compare",
        scope=Scope.READ,
        handler=searches.statistics,
        answers={200: Answer(meaning="Counts", schema="SearchStatistics")},
    ),
    Route(
        name="search_health",
        method="GET",
        path="/v1/search/health",
        summary="Tell whether the search engine answers, and whether the indexes are kept",
        scope=Scope.READ,
        handler=searches.health,
        answers={200: Answer(meaning="How it is", schema="SearchHealth")},
    ),
)

_COUNT: Final[Mapping[str, Any]] = {"type": "integer", "minimum": 0}
_TEXT: Final[Mapping[str, Any]] = {"type": "string"}

SEARCH_SCHEMAS: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "FoundAll": {
            "type": "object",
            "properties": {
                "items": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"entity": _TEXT, "document": {"type": "object"}},
                        "required": ["entity", "document"],
                    },
                },
                "about": {**_COUNT, "description": "About how many there are in all"},
                "by": {"enum": ["engine", "database"], "description": "Who found them"},
                "because": {**_TEXT, "description": "Why it was not the engine"},
            },
            "required": ["items", "about", "by", "because"],
        },
        "Suggestions": {
            "type": "object",
            "properties": {"items": {"type": "array", "items": _TEXT}},
            "required": ["items"],
        },
        "SearchStatistics": {
            "type": "object",
            "properties": {
                "indexes": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "entity": _TEXT,
                            "documents": _COUNT,
                            "unindexed": _COUNT,
                            "entries": {"type": ["integer", "null"]},
                        },
                        "required": ["entity", "documents", "unindexed", "entries"],
                    },
                },
                "compared": {
                    "type": "object",
                    "description": "Searches of engine and database by verdict, since this process began",
                    "additionalProperties": _COUNT,
                },
            },
            "required": ["indexes", "compared"],
        },
        "SearchHealth": {
            "type": "object",
            "properties": {
                "engine": {"enum": ["here", "away", "none"]},
                "sync": {**_TEXT, "description": "`on`, `off`, or why the last one failed"},
                "version": _TEXT,
                "latency_ms": {"type": "number"},
                "because": _TEXT,
            },
            "required": ["engine", "sync"],
        },
    }
)
