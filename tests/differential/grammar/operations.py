"""Whole operations: reads, single writes and scripts of writes, for programs over one collection."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from comparators.operation import Kind
from tests.differential.grammar.filters import filters
from tests.differential.grammar.projections import projections
from tests.differential.grammar.sorts import mistakes, plain_sorts
from tests.differential.grammar.updates import element_filters, updates, uses_array_filter
from tests.differential.grammar.values import Documents, names, paths, values
from tests.differential.programs.program import Document, Step

Steps = st.SearchStrategy[Step]
flags = st.booleans()
queries: Documents = st.just({}) | filters(0) | filters(1) | filters(2)
identities = st.integers(0, 7)


def _total(sort: Document) -> Document:
    """Let no two documents tie: which of them comes first is nobody's promise."""
    return sort if "_id" in sort else {**sort, "_id": 1}


sorts: Documents = st.one_of(
    plain_sorts.map(_total), plain_sorts.map(_total), plain_sorts.map(_total), mistakes
)


def _find(query: Document, options: Document) -> Step:
    # A limit without a sort picks what it likes.
    if "sort" not in options:
        options = {name: value for name, value in options.items() if name == "projection"}
    return Step(kind=Kind.FIND, arguments={"filter": query, **options})


finds: Steps = st.builds(
    _find,
    queries,
    st.fixed_dictionaries(
        {},
        optional={
            "projection": projections,
            "sort": sorts,
            "limit": st.integers(0, 3),
            "skip": st.integers(0, 2),
        },
    ),
)
counts: Steps = st.builds(
    lambda query, options: Step(kind=Kind.COUNT, arguments={"query": query, **options}),
    queries,
    st.fixed_dictionaries({}, optional={"limit": st.integers(-2, 3), "skip": st.integers(0, 2)}),
)
distincts: Steps = st.builds(
    lambda key, query: Step(kind=Kind.DISTINCT, arguments={"key": key, "query": query}),
    paths,
    queries,
)
reads: Steps = st.one_of(finds, finds, finds, counts, distincts)


def _filtered(change: Any, element_filter: Document) -> Document:
    return {"arrayFilters": [element_filter]} if uses_array_filter(change) else {}


def _update(query: Document, change: Any, element_filter: Document, options: Document) -> Step:
    statement = {"q": query, "u": change, **options, **_filtered(change, element_filter)}
    return Step(kind=Kind.UPDATE, arguments={"updates": [statement]})


def _one(identity: int, query: Document) -> Document:
    return {"_id": identity, **query}


single: Documents = st.builds(_one, identities, st.just({}) | st.just({}) | filters(1))
"""A filter that finds one document at most, so that nobody has a choice."""

updated: Steps = st.builds(
    _update, single, updates, element_filters, st.fixed_dictionaries({}, optional={"upsert": flags})
)
updated_all: Steps = st.builds(_update, queries, updates, element_filters, st.just({"multi": True}))
upserted: Steps = st.builds(
    _update, filters(1), updates, element_filters, st.just({"upsert": True})
)


def _found_and_modified(
    query: Document, change: Any, element_filter: Document, options: Document
) -> Step:
    wanted = {"remove": True} if options.pop("remove", False) else {"update": change}
    if "remove" in wanted:
        options = {name: value for name, value in options.items() if name in {"sort", "fields"}}
    else:
        options = {**options, **_filtered(change, element_filter)}
    return Step(kind=Kind.FIND_AND_MODIFY, arguments={"query": query, **wanted, **options})


found_and_modified: Steps = st.builds(
    _found_and_modified,
    single | queries,
    updates,
    element_filters,
    st.fixed_dictionaries(
        {"sort": sorts},
        optional={
            "new": flags,
            "upsert": flags,
            "fields": projections,
            "remove": st.sampled_from([False, False, False, True]),
        },
    ),
)
deleted: Steps = st.builds(
    lambda query, limit: Step(
        kind=Kind.DELETE, arguments={"deletes": [{"q": query, "limit": limit}]}
    ),
    single,
    st.sampled_from([0, 1]),
)
deleted_all: Steps = st.builds(
    lambda query: Step(kind=Kind.DELETE, arguments={"deletes": [{"q": query, "limit": 0}]}),
    filters(1),
)
collations: Documents = st.sampled_from(
    [
        {"locale": "en"},
        {"locale": "en", "strength": 1},
        {"locale": "en", "strength": 2},
        {"locale": "de", "strength": 1, "caseLevel": True},
        {"locale": "fr_CA"},
        {"locale": "sv", "caseFirst": "upper", "numericOrdering": True},
        {"locale": "en", "alternate": "shifted"},
        {"locale": "simple"},
    ]
)


def collated(step: Step, collation: Document) -> Step:
    """Return a step that asks for a collation, in its command or in its only statement."""
    arguments = step.arguments
    for name in ("updates", "deletes"):
        if name in arguments:
            statements = [{**each, "collation": collation} for each in arguments[name]]
            return replace(step, arguments={**arguments, name: statements})
    return replace(step, arguments={**arguments, "collation": collation})


inserted: Steps = st.builds(
    lambda documents, ordered: Step(
        kind=Kind.INSERT, arguments={"documents": documents, "ordered": ordered}
    ),
    st.lists(
        st.builds(
            lambda identity, fields: {**fields, "_id": identity},
            identities | values(1),
            st.dictionaries(names, values(1), max_size=3),
        ),
        min_size=1,
        max_size=3,
    ),
    flags,
)
