"""Search over what databases hold: with an engine, without one, and with one that goes away."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from bson.datetime_ms import DatetimeMS

from adapters.database import Database
from adapters.gateway import Generated
from adapters.meilisearch.engine import Meilisearch
from adapters.mongodb.database import MongoDatabase
from adapters.postgresql.gateway import PostgresGateway
from adapters.search.asking import Asker
from adapters.search.index import FILES, INDEXES, MARK, MESSAGES
from adapters.search.indexed import NOTES, IndexedDatabase
from adapters.search.searching import DATABASE, ENGINE, Search, Wish
from adapters.search.syncing import Indexer, Synced
from comparators.canonical import document_key
from comparators.errors import RefusedError
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement
from proxy.embedded import EmbeddedMongo
from tests.eventually import eventually
from tests.peers.meilisearch_server import FakeMeilisearch, running_meilisearch

pytestmark = pytest.mark.timeout(60)

NOW = Generated(now_ms=1_700_000_000_000)
DAY = datetime(2026, 5, 1, tzinfo=UTC)


def made(days: int = 0) -> DatetimeMS:
    return DatetimeMS(DAY + timedelta(days))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """An application's database with an index beside it."""

    name: str
    database: Database
    behind: Database
    search: Search
    indexer: Indexer
    engine: Meilisearch
    fake: FakeMeilisearch

    async def write(self, kind: Kind, collection: str = "messages", **arguments: Any) -> Any:
        operation = Operation(
            database=self.name, collection=collection, kind=kind, arguments=arguments
        )
        return (await self.database.run(operation, generated=NOW)).result

    async def say(self, user: str, text: str, *, identifier: Any = None, **fields: Any) -> None:
        message = {
            "_id": uuid4().hex if identifier is None else identifier,
            "user": user,
            "text": text,
            "createdAt": made(),
            **fields,
        }
        result = await self.write(Kind.INSERT, documents=[message])
        assert result == Acknowledgement(n=1)

    async def found(self, text: str, owner: str = "ada", **wish: Any) -> list[Any]:
        found = await self.search.search(Wish(text=text, owner=owner, **{"fields": {}, **wish}))
        return [hit.document["_id"] for hit in found.hits]

    async def stored(self, collection: str = "messages") -> list[dict[str, Any]]:
        return await Asker(self.behind, self.name).find(collection, filter={}, sort={"_id": 1})


@pytest.fixture(params=["mongodb", "postgresql"])
async def bench(
    request: pytest.FixtureRequest, mongo: EmbeddedMongo, postgres_dsn: str
) -> AsyncIterator[Bench]:
    name, prefix = f"search_{uuid4().hex[:8]}", uuid4().hex[:8]
    async with AsyncExitStack() as held:
        behind: Database
        if request.param == "mongodb":
            behind = await held.enter_async_context(MongoDatabase(mongo.uri))
        else:
            behind = await held.enter_async_context(PostgresGateway(postgres_dsn, connections=4))
        fake, url = await held.enter_async_context(running_meilisearch())
        engine = Meilisearch(os.environ.get("MEILI_URL", url), prefix=prefix)
        await engine.prepare(list(INDEXES.values()))
        indexer = Indexer(behind, name, engine)
        yield Bench(
            name=name,
            database=IndexedDatabase(behind, changed=indexer.wake),
            behind=behind,
            search=Search(behind, name, engine),
            indexer=indexer,
            engine=engine,
            fake=fake,
        )
        drop = Operation(database=name, collection="", kind=Kind.DROP_DATABASE, arguments={})
        await behind.run(drop, generated=NOW)


async def test_what_is_written_is_found_ranked_by_the_engine(bench: Bench) -> None:
    await bench.say("ada", "a quick question about indexes of PostgreSQL", identifier=1)
    await bench.say("ada", "about PostgreSQL indexes", identifier=2, sender="PostgreSQL")
    await bench.say("ada", "indexes of the weather", identifier=3)

    synced = await bench.indexer.sync()
    found = await bench.search.search(Wish(text="postgres indexes", owner="ada", fields={}))

    assert synced == Synced(indexed=3)
    assert (found.by, found.because, found.about) == (ENGINE, "", 2)
    assert [hit.document["_id"] for hit in found.hits] == [2, 1]
    assert await bench.indexer.sync() == Synced()


async def test_nobody_finds_another_users_messages(bench: Bench) -> None:
    await bench.say("ada", "my secret plan", identifier="a")
    await bench.say("eve", "my secret plan", identifier="e")
    await bench.indexer.sync()
    # An index that was tampered with, or is stale, must not matter.
    entries = bench.fake.indexes
    for index in entries.values():
        owners = [each["owner"] for each in index.values()]
        for entry, owner in zip(index.values(), reversed(owners), strict=True):
            entry["owner"] = owner

    tampered = [await bench.found("secret", "ada"), await bench.found("secret", "eve")]
    for index in entries.values():
        index.clear()
    await bench.indexer.forget(MESSAGES)
    await bench.indexer.sync()

    assert tampered == [[], []]
    assert await bench.found("secret", "ada") == ["a"]
    assert await bench.found("secret", "eve") == ["e"]
    hostile = ['ada" OR owner = "eve', "ada' OR 1=1", "*", "", "ada\\"]
    for owner in hostile[:-2] + hostile[-1:]:
        assert await bench.found("secret", owner) == []
    with pytest.raises(RefusedError, match="for somebody"):
        await bench.found("secret", "")


async def test_changes_and_deletes_reach_the_index(bench: Bench) -> None:
    for n in range(4):
        await bench.say("ada", f"draft {n}", identifier=n)
    await bench.indexer.sync()
    updates = [
        {"q": {"_id": 0}, "u": {"$set": {"text": "final zero"}}},
        {"q": {"_id": 1}, "u": {"user": "ada", "text": "final one", "createdAt": made()}},
        {"q": {"_id": 2}, "u": [{"$set": {"text": "final two"}}]},
    ]
    await bench.write(Kind.UPDATE, updates=updates)
    await bench.write(Kind.DELETE, deletes=[{"q": {"text": "draft 3"}, "limit": 1}])

    stale = await bench.found("draft")
    synced = await bench.indexer.sync()

    assert stale == [0, 1, 2], "what the index still says is read from the database"
    assert synced == Synced(indexed=3, dropped=1)
    assert sorted(await bench.found("final")) == [0, 1, 2]
    assert await bench.found("draft") == []
    assert await bench.engine.count(MESSAGES) == 3
    assert await bench.stored(NOTES) == []


async def test_find_and_modify_and_upserts_are_indexed(bench: Bench) -> None:
    insert = {"$set": {"text": "born by an upsert", "user": "ada", "createdAt": made()}}
    await bench.write(Kind.UPDATE, updates=[{"q": {"_id": 1}, "u": insert, "upsert": True}])
    await bench.indexer.sync()
    change = {"$set": {"text": "changed"}}
    await bench.write(Kind.FIND_AND_MODIFY, query={"_id": 1}, update=change)
    await bench.indexer.sync()
    before = await bench.found("changed")
    await bench.write(Kind.FIND_AND_MODIFY, query={"_id": 1}, remove=True)
    await bench.indexer.sync()

    assert before == [1]
    assert await bench.engine.count(MESSAGES) == 0


async def test_what_changes_while_it_is_indexed_is_indexed_again(bench: Bench) -> None:
    await bench.say("ada", "first words", identifier=1)
    [read] = await bench.indexer.find_unindexed(MESSAGES, limit=10)
    await bench.engine.put(MESSAGES, [MESSAGES.entry(read)])
    await bench.write(Kind.UPDATE, updates=[{"q": {"_id": 1}, "u": {"$set": {"text": "second"}}}])
    await bench.indexer.mark_as_indexed(MESSAGES, [read])

    assert [each[MARK] for each in await bench.stored()] == [False]
    await bench.indexer.sync()
    assert await bench.found("second") == [1]
    assert [each[MARK] for each in await bench.stored()] == [True]


async def test_a_transaction_is_indexed_when_it_is_committed_and_only_then(bench: Bench) -> None:
    insert = Operation(
        database=bench.name,
        collection="messages",
        kind=Kind.INSERT,
        arguments={"documents": [{"_id": 1, "user": "ada", "text": "undone", "createdAt": made()}]},
    )
    await bench.say("ada", "there before", identifier=0)
    with suppress(KeyError):
        async with bench.database.transaction() as transaction:
            await transaction.run(insert, generated=NOW)
            raise KeyError
    await bench.indexer.sync()
    assert await bench.found("undone") == []

    async with bench.database.transaction() as transaction:
        await transaction.run(insert, generated=NOW)
    await bench.indexer.sync()
    assert await bench.found("undone") == [1]


async def test_searches_are_narrowed_by_date_entity_and_field(bench: Bench) -> None:
    await bench.say("ada", "tea", identifier=1, endpoint="openAI")
    await bench.say("ada", "tea", identifier=2, endpoint="google", createdAt=made(1))
    title = {"_id": 3, "user": "ada", "title": "tea time", "tags": ["drinks"], "createdAt": made()}
    await bench.write(Kind.INSERT, "conversations", documents=[title])
    file = {"_id": 4, "user": "ada", "filename": "tea.pdf", "type": "pdf", "createdAt": made()}
    await bench.write(Kind.INSERT, "files", documents=[file])
    await bench.indexer.sync()
    without = Search(bench.behind, bench.name)

    for search in (bench.search, without):

        async def found(search: Search = search, **wish: Any) -> set[Any]:
            asked = Wish(text="tea", owner="ada", **{"fields": {}, **wish})
            return {hit.document["_id"] for hit in (await search.search(asked)).hits}

        assert await found() == {1, 2, 3, 4}
        assert await found(entities=["Message"]) == {1, 2}
        assert await found(since=DAY + timedelta(hours=1)) == {2}
        assert await found(until=DAY + timedelta(hours=1), entities=["Message"]) == {1}
        assert await found(fields={"endpoint": "google"}) == {2}
        assert await found(fields={"type": "pdf"}) == {4}
        assert len(await found(limit=2)) == 2
    with pytest.raises(RefusedError, match="User"):
        await bench.found("tea", entities=["User"])
    with pytest.raises(RefusedError, match="1 to 100"):
        await bench.found("tea", limit=1000)


async def test_when_the_engine_is_away_the_database_searches_and_says_so(bench: Bench) -> None:
    await bench.say("ada", "Plan (A.*) costs 50%", identifier=1)
    await bench.say("ada", "plan B", identifier=2)
    await bench.say("eve", "plan (A.*)", identifier=3)
    bench.fake.is_away = True

    found = await bench.search.search(Wish(text="plan (a.*", owner="ada", fields={}))
    again = await bench.search.search(Wish(text="plan", owner="ada", fields={}))

    assert (found.by, found.because) == (DATABASE, "Meilisearch does not answer")
    assert [hit.document["_id"] for hit in found.hits] == [1]
    assert again.because == "the search engine was away just now"
    assert [each.entries for each in await bench.search.standing()] == [None] * 3


async def test_an_engine_that_comes_back_gets_what_it_missed(bench: Bench) -> None:
    bench.fake.is_away = True
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bench.indexer.run())
        await bench.say("ada", "written meanwhile", identifier=1)
        await eventually(lambda: bench.indexer.failure is not None, within_s=20)
        bench.fake.is_away = False

        async def is_indexed() -> bool:
            return [each.get(MARK) for each in await bench.stored()] == [True]

        await eventually(is_indexed, within_s=30)
        await bench.say("ada", "told of at once", identifier=2)

        async def is_found() -> bool:
            return await bench.found("told") == [2]

        await eventually(is_found, within_s=20)
        await eventually(lambda: bench.indexer.failure is None, within_s=20)
        running.cancel()

    assert await bench.engine.count(MESSAGES) == 2


async def test_a_batch_that_is_refused_is_told_and_not_marked(bench: Bench) -> None:
    await bench.say("ada", "refused", identifier=1)
    bench.fake.refuses = True

    with pytest.raises(RefusedError, match="invalid_document_id"):
        await bench.indexer.sync()

    assert [each[MARK] for each in await bench.stored()] == [False]


async def test_a_text_index_ranks_where_the_database_tells_scores(bench: Bench) -> None:
    await bench.say("ada", "green tea", identifier=1)
    await bench.say("ada", "tea, green tea", identifier=2)
    await bench.say("eve", "green tea", identifier=3)
    wish = Wish(text="green tea", owner="ada", fields={})
    assert await bench.search.by_text(wish, MESSAGES) is None

    await bench.write(Kind.CREATE_INDEXES, indexes=[{"key": {"text": "text"}, "name": "text"}])
    ranked = await bench.search.by_text(wish, MESSAGES)

    # PostgreSQL tells no scores: there, content alone is compared.
    on_mongodb = isinstance(bench.behind, MongoDatabase)
    assert (ranked and list(ranked)) == ([document_key(2), document_key(1)] if on_mongodb else None)


async def test_titles_are_suggested_and_indexes_counted(bench: Bench) -> None:
    titles = ["Tea (green)", "tea time", "coffee"]
    documents = [
        {"_id": n, "user": "ada", "title": title, "createdAt": made(n)}
        for n, title in enumerate(titles)
    ]
    await bench.write(Kind.INSERT, "conversations", documents=documents)
    await bench.indexer.sync()
    await bench.write(Kind.INSERT, "files", documents=[{"_id": 1, "user": "ada", "filename": "x"}])

    standing = {each.entity: each for each in await bench.search.standing()}

    assert await bench.search.suggest("tea", owner="ada") == ["tea time", "Tea (green)"]
    assert await bench.search.suggest("tea (", owner="ada") == ["Tea (green)"]
    assert await bench.search.suggest("tea", owner="eve") == []
    assert (standing["Conversation"].documents, standing["Conversation"].entries) == (3, 3)
    assert (standing[FILES.entity].unindexed, standing[FILES.entity].entries) == (1, 0)
    assert (await bench.engine.health()).version


async def test_the_engine_is_told_nothing_but_what_is_searched(bench: Bench) -> None:
    await bench.say("ada@example.com", "hello", identifier=1, tokenCount=5, password="hunter2")
    await bench.indexer.sync()

    told = str(bench.fake.requests)
    assert "hello" in told
    assert "hunter2" not in told
    assert "ada@example.com" not in told
