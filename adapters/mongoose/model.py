"""A model: one collection of a database, through its schema."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypedDict, Unpack

from bson.objectid import ObjectId

from adapters.database import Database
from adapters.gateway import Generated, Transaction
from adapters.mongoose.answers import acknowledged, documents_of, modified, values_of
from adapters.mongoose.bulk import STATEMENTS, Casting, Written, commands, counted
from adapters.mongoose.changes import Saving
from adapters.mongoose.errors import ServerError, ValidationError
from adapters.mongoose.filters import cast_array_filters, cast_filter
from adapters.mongoose.hydrating import hydrated
from adapters.mongoose.making import Functions, Making
from adapters.mongoose.populating import Asked, Narrowing, populated, whole
from adapters.mongoose.projections import projection_of, sort_of
from adapters.mongoose.replacing import replacement, unchanged
from adapters.mongoose.schema import ModelSchema
from adapters.mongoose.storing import new_document, replacing_document
from adapters.mongoose.update_validation import validate_update
from adapters.mongoose.updates import cast_pipeline, cast_update
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Result

Document = dict[str, Any]
Filter = Mapping[str, Any]
Update = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Projection = Mapping[str, Any] | str | None
Sort = Mapping[str, Any] | str | None

NO_FUNCTIONS: Final[Functions] = {}
NOTHING: Final[Filter] = {}
UPSERTING: Final = frozenset({Kind.UPDATE, Kind.FIND_AND_MODIFY})
"""What may store a document that it makes up itself; to make an `_id` up takes a call of the system."""


class Changing(TypedDict, total=False):
    """How an update is done: with times (the default), on which elements of arrays, validated or only cast (the default)."""

    timestamps: bool
    array_filters: Sequence[Mapping[str, Any]]
    run_validators: bool


class Model:
    """One model on one database.

    Documents are dicts of bson's types. What is made up (identifiers, times) is made up here, once. A `session` is an open
    transaction of the database, in which a call then takes part. Raises the errors of `adapters.mongoose.errors`, and those
    of the database.
    """

    def __init__(
        self,
        schema: ModelSchema,
        database: Database,
        *,
        name: str,
        models: Mapping[str, "Model"],
        clock: Callable[[], int],
        new_id: Callable[[], ObjectId] = ObjectId,
        functions: Functions = NO_FUNCTIONS,
        narrowing: Narrowing = whole,
    ) -> None:
        """`name` is that of the database, `clock` tells milliseconds since the epoch, `models` are those to populate from.

        `narrowing` says by which filter references are looked up.
        """
        self.schema = schema
        self._database = database
        self._name = name
        self._models = models
        self._clock = clock
        self._new_id = new_id
        self._functions = functions
        self._narrowing = narrowing

    async def create(
        self, *documents: Mapping[str, Any], session: Transaction | None = None
    ) -> list[Document]:
        """Store documents one by one; the first error is raised when all have been tried."""
        made: list[Document] = []
        first: ValidationError | ServerError | None = None
        for given in documents:
            try:
                document = new_document(self.schema, given, self._making())
                await self._insert([document], session)
                made.append(document)
            except (ValidationError, ServerError) as wrong:
                first = first or wrong
        if first is not None:
            raise first
        return made

    async def insert_many(
        self,
        documents: Sequence[Mapping[str, Any]],
        *,
        ordered: bool = True,
        session: Transaction | None = None,
    ) -> list[Document]:
        """Store documents in one command; unordered, those that do not fit the schema are left out."""
        made = []
        for given in documents:
            try:
                made.append(new_document(self.schema, given, self._making()))
            except ValidationError:
                if ordered:
                    raise
        if made:
            await self._insert(made, session, ordered=ordered, bulk=True)
        return made

    async def find(
        self,
        filter_: Filter = NOTHING,
        *,
        projection: Projection = None,
        sort: Sort = None,
        skip: int = 0,
        limit: int = 0,
        populate: Sequence[Asked] = (),
        lean: bool = True,
        session: Transaction | None = None,
    ) -> list[Document]:
        """Return the documents that a filter selects, without what the schema hides.

        Those that are not `lean` have the defaults of what is not stored.
        """
        arguments: Document = {"filter": self._filter(filter_)}
        shown = projection_of(self.schema.schema, projection)
        options = {"projection": shown, "sort": sort_of(sort), "skip": skip, "limit": limit}
        arguments |= {option: value for option, value in options.items() if value}
        found = documents_of(await self._run(Kind.FIND, arguments, session), self._where)
        if not lean:
            making = self._making()
            found = [hydrated(self.schema.schema, each, making, shown) for each in found]
        return await self.populate(found, populate, session=session)

    async def find_one(
        self,
        filter_: Filter = NOTHING,
        *,
        projection: Projection = None,
        sort: Sort = None,
        skip: int = 0,
        populate: Sequence[Asked] = (),
        lean: bool = True,
        session: Transaction | None = None,
    ) -> Document | None:
        """Return the first document that a filter selects, None where there is none."""
        found = await self.find(
            filter_,
            projection=projection,
            sort=sort,
            skip=skip,
            limit=1,
            populate=populate,
            lean=lean,
            session=session,
        )
        return found[0] if found else None

    async def find_by_id(
        self,
        identifier: Any,
        *,
        projection: Projection = None,
        populate: Sequence[Asked] = (),
        session: Transaction | None = None,
    ) -> Document | None:
        """Return the document with an `_id`, None where there is none."""
        return await self.find_one(
            {"_id": identifier}, projection=projection, populate=populate, session=session
        )

    async def exists(self, filter_: Filter, *, session: Transaction | None = None) -> bool:
        """Return whether a filter selects anything."""
        return await self.find_one(filter_, projection={"_id": 1}, session=session) is not None

    async def count_documents(
        self, filter_: Filter = NOTHING, *, session: Transaction | None = None
    ) -> int:
        """Return how many documents a filter selects."""
        counting = {"$group": {"_id": 1, "n": {"$sum": 1}}}
        pipeline = [{"$match": self._filter(filter_)}, counting]
        result = await self._run(Kind.AGGREGATE, {"pipeline": pipeline, "cursor": {}}, session)
        found = documents_of(result, self._where)
        return int(found[0]["n"]) if found else 0

    async def distinct(
        self, path: str, filter_: Filter = NOTHING, *, session: Transaction | None = None
    ) -> list[Any]:
        """Return the values that documents have at a path."""
        arguments = {"key": path, "query": self._filter(filter_)}
        return values_of(await self._run(Kind.DISTINCT, arguments, session), self._where)

    async def aggregate(
        self, pipeline: Sequence[Mapping[str, Any]], *, session: Transaction | None = None
    ) -> list[Document]:
        """Return the result of a pipeline, which goes over the wire as it is."""
        stages = [dict(stage) for stage in pipeline]
        if self.schema.discriminator is not None:
            stages.insert(0, {"$match": self._filter({})})
        result = await self._run(Kind.AGGREGATE, {"pipeline": stages, "cursor": {}}, session)
        return documents_of(result, self._where)

    async def update_one(
        self,
        filter_: Filter,
        update: Update,
        *,
        upsert: bool = False,
        session: Transaction | None = None,
        **options: Unpack[Changing],
    ) -> Acknowledgement:
        """Change the first document that a filter selects."""
        return await self._update(
            filter_, update, multi=False, upsert=upsert, session=session, options=options
        )

    async def update_many(
        self,
        filter_: Filter,
        update: Update,
        *,
        upsert: bool = False,
        session: Transaction | None = None,
        **options: Unpack[Changing],
    ) -> Acknowledgement:
        """Change every document that a filter selects."""
        return await self._update(
            filter_, update, multi=True, upsert=upsert, session=session, options=options
        )

    async def find_one_and_update(
        self,
        filter_: Filter,
        update: Update,
        *,
        new: bool = True,
        upsert: bool = False,
        projection: Projection = None,
        sort: Sort = None,
        session: Transaction | None = None,
        **options: Unpack[Changing],
    ) -> Document | None:
        """Change the first document that a filter selects, and return it as it is then, or was before."""
        query = self._filter(filter_)
        change = self._change(query, update, upsert=upsert, options=options)
        if not change and not upsert:
            return await self.find_one(filter_, projection=projection, sort=sort, session=session)
        arguments: Document = {"query": query, "update": change, "new": new, "upsert": upsert}
        arguments |= self._array_filters(change, options)
        shown = {"fields": projection_of(self.schema.schema, projection), "sort": sort_of(sort)}
        arguments |= {option: value for option, value in shown.items() if value}
        return await self._find_and_modify(arguments, session)

    async def find_one_and_delete(
        self,
        filter_: Filter,
        *,
        projection: Projection = None,
        sort: Sort = None,
        session: Transaction | None = None,
    ) -> Document | None:
        """Delete the first document that a filter selects, and return what it was."""
        arguments: Document = {"query": self._filter(filter_), "remove": True}
        shown = {"fields": projection_of(self.schema.schema, projection), "sort": sort_of(sort)}
        arguments |= {option: value for option, value in shown.items() if value}
        return await self._find_and_modify(arguments, session)

    async def save(
        self, document: Mapping[str, Any], *, session: Transaction | None = None
    ) -> Document:
        """Store a document that was read and changed, and return it: only what changed goes over the wire.

        A new one is created. VersionError where arrays changed, or the schema asks for it always, and somebody else saved
        first; DocumentNotFoundError where it is gone.
        """
        identifier = document.get("_id")
        stored = None
        if identifier is not None:
            stored = await self.find_one(
                {"_id": identifier}, projection=self._everything, session=session
            )
        if stored is None and (
            identifier is None or self.schema.schema.version_key not in document
        ):
            return (await self.create(document, session=session))[0]
        saving = Saving(model=self.schema, making=self._making(), stored=stored, document=document)
        change = saving.update()
        if change:
            statement = {"q": saving.filter(), "u": change, "multi": False, "upsert": False}
            arguments = {"updates": [statement], "ordered": True}
            saving.check(
                acknowledged(await self._run(Kind.UPDATE, arguments, session), self._where).n
            )
        return saving.saved()

    async def replace(
        self,
        stored: Document,
        document: Mapping[str, Any],
        *,
        session: Transaction | None = None,
    ) -> Document | None:
        """Store a whole document in the place of one that was read, and return it; None where that was changed meanwhile."""
        made = replacement(self.schema, stored, document, self._making())
        query = unchanged(self.schema.schema, stored)
        statement = {"q": query, "u": made, "multi": False, "upsert": False}
        arguments = {"updates": [statement], "ordered": True}
        told = acknowledged(await self._run(Kind.UPDATE, arguments, session), self._where)
        return made if told.n else None

    async def bulk_write(
        self,
        operations: Sequence[Mapping[str, Any]],
        *,
        ordered: bool = True,
        session: Transaction | None = None,
    ) -> Written:
        """Do several writes (`insertOne`, `updateOne`, `updateMany`, `replaceOne`, `deleteOne`, `deleteMany`) with few commands.

        Ordered, the first that is refused ends it; else its error is raised when all have been tried.
        """
        casting = Casting(
            document=lambda given: new_document(self.schema, given, self._making()),
            replacement=lambda given: replacing_document(self.schema, given, self._making()),
            filter=self._filter,
            change=lambda query, update, upsert: self._change(
                query, update, upsert=upsert, options={}
            ),
        )
        written, first = Written(), None
        for kind, statements in commands(operations, casting):
            arguments = {STATEMENTS[kind]: statements, "ordered": ordered}
            result = await self._run(kind, arguments, session)
            try:
                written += counted(kind, acknowledged(result, self._where, bulk=True))
            except ServerError as error:
                if ordered:
                    raise
                first = first or error
        if first is not None:
            raise first
        return written

    async def populate(
        self,
        documents: list[Document],
        populate: Sequence[Asked],
        *,
        session: Transaction | None = None,
    ) -> list[Document]:
        """Return documents with references replaced by the documents they point at."""
        return await populated(
            documents, self.schema, populate, self._models, session, self._narrowing
        )

    async def delete_one(self, filter_: Filter, *, session: Transaction | None = None) -> int:
        """Delete the first document that a filter selects; return how many there were."""
        return await self._delete(filter_, 1, session)

    async def delete_many(
        self, filter_: Filter = NOTHING, *, session: Transaction | None = None
    ) -> int:
        """Delete every document that a filter selects; return how many there were."""
        return await self._delete(filter_, 0, session)

    @property
    def _where(self) -> str:
        return f"{self._name}.{self.schema.collection}"

    @property
    def _everything(self) -> str:
        hidden = projection_of(self.schema.schema, None)
        return " ".join(f"+{path}" for path in hidden)

    def _making(self) -> Making:
        return Making(
            model=self.schema.name,
            now_ms=self._clock(),
            new_id=self._new_id,
            functions=self._functions,
        )

    def _filter(self, given: Filter) -> Document:
        made = cast_filter(self.schema.schema, given, self.schema.name)
        if self.schema.discriminator is not None:
            made[self.schema.discriminator[0]] = self.schema.discriminator[1]
        return made

    def _change(self, query: Filter, update: Update, *, upsert: bool, options: Changing) -> Any:
        timestamps = options.get("timestamps", True)
        if not isinstance(update, Mapping):
            return cast_pipeline(self.schema.schema, update, self._making(), timestamps=timestamps)
        making = self._making()
        schema = self.schema.schema
        change = cast_update(
            schema, update, making, filter_=query, upsert=upsert, timestamps=timestamps
        )
        if options.get("run_validators"):
            validate_update(schema, change, making)
        return change

    def _array_filters(self, change: Any, options: Changing) -> Document:
        filters = options.get("array_filters")
        if not filters or not isinstance(change, Mapping):
            return {}
        paths = [path for fields in change.values() for path in fields]
        schema = self.schema
        return {"arrayFilters": cast_array_filters(schema.schema, filters, paths, schema.name)}

    async def _insert(
        self,
        documents: list[Document],
        session: Transaction | None,
        *,
        ordered: bool = True,
        bulk: bool = False,
    ) -> None:
        arguments = {"documents": documents, "ordered": ordered}
        acknowledged(await self._run(Kind.INSERT, arguments, session), self._where, bulk=bulk)

    async def _update(
        self,
        filter_: Filter,
        update: Update,
        *,
        multi: bool,
        upsert: bool,
        session: Transaction | None,
        options: Changing,
    ) -> Acknowledgement:
        query = self._filter(filter_)
        change = self._change(query, update, upsert=upsert, options=options)
        if not change:
            return Acknowledgement(n=0, modified=0)
        statement = {"q": query, "u": change, "multi": multi, "upsert": upsert}
        statement |= self._array_filters(change, options)
        arguments = {"updates": [statement], "ordered": True}
        return acknowledged(await self._run(Kind.UPDATE, arguments, session), self._where)

    async def _delete(self, filter_: Filter, limit: int, session: Transaction | None) -> int:
        statement = {"q": self._filter(filter_), "limit": limit}
        arguments = {"deletes": [statement], "ordered": True}
        return acknowledged(await self._run(Kind.DELETE, arguments, session), self._where).n

    async def _find_and_modify(
        self, arguments: Document, session: Transaction | None
    ) -> Document | None:
        result = await self._run(Kind.FIND_AND_MODIFY, arguments, session)
        return modified(result, self._where)

    async def _run(self, kind: Kind, arguments: Document, session: Transaction | None) -> Result:
        operation = Operation(
            database=self._name,
            collection=self.schema.collection,
            kind=kind,
            arguments=arguments,
        )
        runner = self._database if session is None else session
        statements = 0 if kind not in UPSERTING else len(arguments.get("updates", ())) or 1
        new_ids = {number: self._new_id() for number in range(statements)}
        generated = Generated(now_ms=self._clock(), upserted=new_ids)
        return (await runner.run(operation, generated=generated)).result
