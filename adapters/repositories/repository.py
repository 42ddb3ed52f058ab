"""A repository: the documents of one entity, whichever database holds them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, ClassVar, Final

from bson.datetime_ms import DatetimeMS

from adapters.database import Database
from adapters.gateway import ConflictError, Transaction
from adapters.mongoose.bulk import Written
from adapters.mongoose.filters import cast_filter
from adapters.mongoose.model import Model
from adapters.mongoose.populating import Populate
from adapters.mongoose.projections import sort_of
from adapters.repositories import paging
from adapters.repositories.aging import expiries_of, gone, living, living_elements
from adapters.repositories.appending import check_changeable
from adapters.repositories.paging import CursorPage, OffsetPage
from adapters.repositories.secrecy import guarded, hidden_paths, touches, with_kept, without
from comparators.errors import RefusedError

Document = dict[str, Any]
Filter = Mapping[str, Any]
Projection = Mapping[str, Any] | str | None
Sort = Mapping[str, Any] | str | None
Pipeline = Sequence[Mapping[str, Any]]

EVERYTHING: Final[Filter] = {}
PAGE: Final = 20
AT_ONCE: Final = 500
"""How many documents one command stores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What the repositories of a gateway share: its models, its database, the clock in milliseconds since the epoch."""

    models: Mapping[str, Model]
    database: Database
    clock: Callable[[], int]

    def hidden_of(self) -> Mapping[str, frozenset[str]]:
        """Return the paths that each collection hides, of whichever of its models."""
        found: dict[str, frozenset[str]] = {}
        for each in self.models.values():
            collection = each.schema.collection
            found[collection] = found.get(collection, frozenset()) | hidden_paths(each)
        return found


class Repository:
    """The documents of one entity, as dicts of bson's types.

    Filters, sorts, projections, updates and pipelines are MongoDB's. What the schema hides, and what is secret
    (`secrecy.SECRETS`), is left out of every answer, unless its path is named in `reveal`. Documents past the date of a TTL
    index are not there any more, though the database may still keep them. A `session` is the open transaction in which a
    call takes part; see `RepositoryGateway.transaction`.

    Raises the errors of `adapters.mongoose.errors` (ValidationError, CastError, DuplicateKeyError …), UnreachableError
    when the database is away, and UnsupportedError for what it has no exact counterpart of. RefusedError for a change or a
    deletion where entities are only appended to (`appending.APPEND_ONLY`).
    """

    entity: ClassVar[str] = ""
    """The name of the model; empty for one that is told."""

    def __init__(self, behind: Behind, entity: str = "") -> None:
        self._behind = behind
        self.model = behind.models[entity or self.entity]
        self._hidden = hidden_paths(self.model)
        self._expiries = expiries_of(self.model.schema)

    async def find_by_id(
        self,
        identifier: Any,
        *,
        projection: Projection = None,
        populate: Sequence[Populate | str] = (),
        reveal: Sequence[str] = (),
        session: Transaction | None = None,
    ) -> Document | None:
        """Return the document with an `_id`, None where there is none."""
        return await self.find_one(
            {"_id": identifier},
            projection=projection,
            populate=populate,
            reveal=reveal,
            session=session,
        )

    async def find_one(
        self,
        condition: Filter = EVERYTHING,
        *,
        projection: Projection = None,
        sort: Sort = None,
        populate: Sequence[Populate | str] = (),
        reveal: Sequence[str] = (),
        session: Transaction | None = None,
    ) -> Document | None:
        """Return the first document that a filter selects, None where there is none."""
        return await self.model.find_one(
            self._living(condition),
            projection=_revealing(projection, reveal),
            sort=sort,
            populate=populate,
            session=session,
        )

    async def find(
        self,
        condition: Filter = EVERYTHING,
        *,
        projection: Projection = None,
        sort: Sort = None,
        skip: int = 0,
        limit: int = 0,
        populate: Sequence[Populate | str] = (),
        reveal: Sequence[str] = (),
        session: Transaction | None = None,
    ) -> list[Document]:
        """Return the documents that a filter selects; a `limit` of 0 is none."""
        return await self.model.find(
            self._living(condition),
            projection=_revealing(projection, reveal),
            sort=sort,
            skip=skip,
            limit=limit,
            populate=populate,
            session=session,
        )

    async def create(
        self,
        data: Mapping[str, Any],
        *,
        reveal: Sequence[str] = (),
        session: Transaction | None = None,
    ) -> Document:
        """Store a new document and return it with what was filled in: `_id`, defaults, timestamps, `__v`."""
        [made] = await self.model.create(data, session=session)
        return self._shown(made, reveal)

    async def bulk_create(
        self,
        documents: Sequence[Mapping[str, Any]],
        *,
        ordered: bool = True,
        reveal: Sequence[str] = (),
        session: Transaction | None = None,
    ) -> list[Document]:
        """Store many documents with few commands, and return them.

        Ordered, the first that is refused ends it, and those before it stay unless a session undoes them.
        """
        made: list[Document] = []
        for first in range(0, len(documents), AT_ONCE):
            some = documents[first : first + AT_ONCE]
            made += await self.model.insert_many(some, ordered=ordered, session=session)
        return [self._shown(each, reveal) for each in made]

    async def update(
        self,
        identifier: Any,
        data: Mapping[str, Any],
        *,
        reveal: Sequence[str] = (),
        session: Transaction | None = None,
    ) -> Document | None:
        """Change the document with an `_id` and return it as it is then, None where there is none.

        `data` are fields to set, or MongoDB's update operators.
        """
        return await self.update_where({"_id": identifier}, data, reveal=reveal, session=session)

    async def update_where(
        self,
        condition: Filter,
        data: Mapping[str, Any],
        *,
        upsert: bool = False,
        sort: Sort = None,
        reveal: Sequence[str] = (),
        session: Transaction | None = None,
    ) -> Document | None:
        """Change the first document that a filter selects, at once, and return it as it is then."""
        self._check_changeable()
        return await self.model.find_one_and_update(
            # What an upsert stores is made from its filter: one by dates would not find it again.
            condition if upsert else self._living(condition),
            change_of(data),
            upsert=upsert,
            sort=sort,
            projection=_revealing(None, reveal),
            session=session,
        )

    async def update_many(
        self, condition: Filter, data: Mapping[str, Any], *, session: Transaction | None = None
    ) -> int:
        """Change every document that a filter selects; return how many there were."""
        self._check_changeable()
        told = await self.model.update_many(
            self._living(condition), change_of(data), session=session
        )
        return told.n

    async def replace(
        self,
        identifier: Any,
        data: Mapping[str, Any],
        *,
        expected: Filter = EVERYTHING,
        reveal: Sequence[str] = (),
        session: Transaction | None = None,
    ) -> Document | None:
        """Store a whole document in the place of the one with an `_id` that is as `expected`, and return it, None where there is none.

        What is hidden stays unless `data` has it. ConflictError where somebody changed the document meanwhile.
        """
        self._check_changeable()
        query = {"_id": identifier, **expected}
        stored = await self.find_one(query, reveal=sorted(self._hidden), session=session)
        if stored is None:
            return None
        whole = with_kept(data, stored, self._hidden)
        made = await self.model.replace(stored, whole, session=session)
        if made is None:
            raise ConflictError(
                "the document was changed meanwhile",
                where=self.model.schema.collection,
                remedy="replace it again",
            )
        return self._shown(made, reveal)

    async def bulk_write(
        self,
        operations: Sequence[Mapping[str, Any]],
        *,
        ordered: bool = True,
        session: Transaction | None = None,
    ) -> Written:
        """Do several writes with few commands, and return how many documents they met; see `Model.bulk_write`."""
        if any(name != "insertOne" for operation in operations for name in operation):
            self._check_changeable()
        return await self.model.bulk_write(operations, ordered=ordered, session=session)

    async def distinct(
        self,
        path: str,
        condition: Filter = EVERYTHING,
        *,
        reveal: Sequence[str] = (),
        session: Transaction | None = None,
    ) -> list[Any]:
        """Return the values at a path; RefusedError for one that is hidden unless `reveal` names it."""
        if touches(path, self._hidden - set(reveal)):
            raise RefusedError(
                f"{path!r} is hidden", where="distinct", remedy="name it in `reveal`"
            )
        return await self.model.distinct(path, self._living(condition), session=session)

    async def delete(self, identifier: Any, *, session: Transaction | None = None) -> bool:
        """Delete the document with an `_id`; return whether there was one."""
        self._check_changeable()
        return bool(await self.model.delete_one({"_id": identifier}, session=session))

    async def delete_many(self, condition: Filter, *, session: Transaction | None = None) -> int:
        """Delete every document that a filter selects; return how many there were."""
        self._check_changeable()
        return await self.model.delete_many(condition, session=session)

    async def count(
        self, condition: Filter = EVERYTHING, *, session: Transaction | None = None
    ) -> int:
        """Return how many documents a filter selects."""
        return await self.model.count_documents(self._living(condition), session=session)

    async def exists(self, condition: Filter, *, session: Transaction | None = None) -> bool:
        """Return whether a filter selects anything."""
        return await self.find_one(condition, projection={"_id": 1}, session=session) is not None

    async def aggregate(
        self,
        pipeline: Pipeline,
        *,
        reveal: Sequence[str] = (),
        session: Transaction | None = None,
    ) -> list[Document]:
        """Return the result of a pipeline that only reads; values in it are not cast.

        Its stages see no path that is hidden here, or in a collection that it joins, unless `reveal` names it.
        """
        hidden = self._hidden - set(reveal)
        safe = guarded(pipeline, hidden, self._behind.hidden_of())
        return await self.model.aggregate([*self._alive(), *safe], session=session)

    async def page(
        self,
        condition: Filter = EVERYTHING,
        *,
        page: int = 1,
        size: int = PAGE,
        projection: Projection = None,
        sort: Sort = None,
        populate: Sequence[Populate | str] = (),
        reveal: Sequence[str] = (),
        session: Transaction | None = None,
    ) -> OffsetPage:
        """Return the page with a number, counted from 1, and how many documents there are in all."""
        paging.check_page(page, size)
        total = await self.count(condition, session=session)
        items = await self.find(
            condition,
            projection=projection,
            sort=paging.sort_with_id(sort_of(sort)),
            skip=(page - 1) * size,
            limit=size,
            populate=populate,
            reveal=reveal,
            session=session,
        )
        return OffsetPage(items=items, page=page, pages=ceil(total / size), total=total)

    async def page_after(
        self,
        condition: Filter = EVERYTHING,
        *,
        cursor: str | None = None,
        size: int = PAGE,
        projection: Projection = None,
        sort: Sort = None,
        populate: Sequence[Populate | str] = (),
        reveal: Sequence[str] = (),
        session: Transaction | None = None,
    ) -> CursorPage:
        """Return the page behind a cursor, the first one for None; it holds what the sort and `_id` tell apart.

        RefusedError for a cursor of another sort, and for a sort by arrays or by what the projection leaves out.
        """
        paging.check_page(1, size)
        order = paging.sort_with_id(sort_of(sort))
        paging.check_shown(projection, order, self._hidden - set(reveal))
        wanted = condition
        if cursor is not None:
            behind = paging.condition_after(cursor, order)
            wanted = {"$and": [condition, behind]} if condition else behind
        found = await self.find(
            wanted,
            projection=projection,
            sort=order,
            limit=size + 1,
            reveal=reveal,
            session=session,
        )
        items = found[:size]
        # Before references are replaced by documents: it may sort by one.
        following = paging.cursor_after(items[-1], order) if len(found) > size else None
        await self.model.populate(items, populate, session=session)
        return CursorPage(items=items, next=following)

    async def find_with_join(
        self,
        condition: Filter = EVERYTHING,
        *,
        other: str,
        local: str,
        foreign: str,
        into: str,
        one: bool = False,
        sort: Sort = None,
        skip: int = 0,
        limit: int = 0,
        session: Transaction | None = None,
    ) -> list[Document]:
        """Return documents, each with those of another entity whose `foreign` path has the value of its `local` one.

        They are a list under the name `into`; with `one` the first of them, and nothing where there is none.
        """
        joined = self._behind.models[other]
        stages: list[Document] = [{"$match": self.cast(self._living(condition))}]
        if sort:
            stages.append({"$sort": sort_of(sort)})
        stages += [{"$skip": skip}] if skip else []
        stages += [{"$limit": limit}] if limit else []
        lookup = {"localField": local, "foreignField": foreign, "as": into}
        stages.append({"$lookup": {"from": joined.schema.collection, **lookup}})
        expiries = expiries_of(joined.schema)
        if expiries:
            alive = living_elements(into, expiries, self._behind.clock())
            stages.append({"$set": {into: alive}})
        if one:
            stages.append({"$set": {into: {"$first": f"${into}"}}})
        hidden = [*self._hidden, *(f"{into}.{path}" for path in hidden_paths(joined))]
        stages += [{"$unset": sorted(hidden)}] if hidden else []
        return await self.model.aggregate(stages, session=session)

    async def delete_expired(self) -> int:
        """Delete what is past the date of a TTL index, as the database would in its time; return how many there were."""
        if not self._expiries:
            return 0
        return await self.model.delete_many(gone(self._expiries, self._behind.clock()))

    def now(self) -> DatetimeMS:
        """Return the time, as documents hold it."""
        return DatetimeMS(self._behind.clock())

    def cast(self, condition: Filter) -> Document:
        """Return a filter with its values cast as the schema says: for pipelines, which are not cast."""
        schema = self.model.schema
        return cast_filter(schema.schema, condition, schema.name)

    def _check_changeable(self) -> None:
        check_changeable(self.model.schema.name)

    def _living(self, condition: Filter) -> Filter:
        return living(condition, self._expiries, self._behind.clock())

    def _alive(self) -> list[Document]:
        alive = self._living(EVERYTHING)
        return [{"$match": dict(alive)}] if alive else []

    def _shown(self, document: Mapping[str, Any], reveal: Sequence[str]) -> Document:
        return without(document, self._hidden - set(reveal))


def change_of(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an update: operators as they are, fields as those to set."""
    return data if any(name.startswith("$") for name in data) else {"$set": dict(data)}


def _revealing(projection: Projection, reveal: Sequence[str]) -> Projection:
    """Return a projection that shows these hidden paths too."""
    if not reveal:
        return projection
    if projection is None or isinstance(projection, str):
        return " ".join([*(f"+{path}" for path in reveal), projection or ""]).strip()
    return {**projection, **{f"+{path}": 1 for path in reveal}}
