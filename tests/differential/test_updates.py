"""Updates and upserts in the residual against a real server."""

from typing import Any

from bson.objectid import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.evaluate.match import matcher
from adapters.evaluate.update import updater
from adapters.evaluate.upsert import upserted
from adapters.query.failures import CommandFailure
from adapters.query.filter import parse_filter
from adapters.query.update import parse_update
from comparators.canonical import encode
from tests.differential.batches import (
    SEVERAL,
    Database,
    Statement,
    collection_of,
    stored,
    update_all,
)
from tests.differential.grammar.filters import filters
from tests.differential.grammar.updates import element_filters, updates, uses_array_filter
from tests.differential.grammar.values import documents

Document = dict[str, Any]
Case = tuple[Document, Document, Any, Document]

cases = st.tuples(documents, st.just({}) | filters(1), updates, element_filters)


def statement_of(case: Case, query: Document, *, upsert: bool = False) -> Statement:
    _, _, update, element_filter = case
    array_filters = [element_filter] if uses_array_filter(update) else None
    return Statement(query=query, update=update, array_filters=array_filters, upsert=upsert)


def after(statement: Statement, document: Document) -> Document | int:
    """Return the document itself if the statement does not modify it, or the code of a refusal."""
    try:
        update = parse_update(statement.update, statement.array_filters)
        tree = parse_filter(statement.query)
        if not matcher(tree)(document):
            return document
        return updater(update, filter=tree, now_ms=0)(document)
    except CommandFailure as refused:
        return refused.code


def inserted(statement: Statement, generated_id: Any) -> Document | int:
    try:
        update = parse_update(statement.update, statement.array_filters)
        tree = parse_filter(statement.query)
        return upserted(update, filter=tree, now_ms=0, generated_id=generated_id)
    except CommandFailure as refused:
        return refused.code


@settings(SEVERAL, max_examples=100)
@given(st.lists(cases, min_size=1, max_size=8))
async def test_an_update_leaves_what_the_server_leaves(
    mongo_database: Database, drawn: list[Case]
) -> None:
    before = await stored(mongo_database, [document for document, *_ in drawn])
    statements = [statement_of(case, {"_id": n, **case[1]}) for n, case in enumerate(drawn)]

    server = await update_all(mongo_database, statements)

    modified = 0
    for n, (statement, document) in enumerate(zip(statements, before, strict=True)):
        ours = after(statement, document)
        if isinstance(ours, int):
            assert server.errors.get(n) == ours, statement
        else:
            assert n not in server.errors, statement
            assert encode(ours) == encode(server.documents[n]), statement
            modified += ours is not document
    assert server.modified == modified, statements


@settings(SEVERAL, max_examples=100)
@given(cases, st.booleans())
async def test_an_upsert_inserts_what_the_server_inserts(
    mongo_database: Database, case: Case, names_id: bool
) -> None:
    await collection_of(mongo_database).delete_many({})
    statement = statement_of(case, {**case[1], **({"_id": 7} if names_id else {})}, upsert=True)

    server = await update_all(mongo_database, [statement])

    ours = inserted(statement, server.upserted.get(0, ObjectId()))
    if isinstance(ours, int):
        assert server.errors.get(0) == ours, statement
    else:
        assert [encode(each) for each in server.documents] == [encode(ours)], statement
