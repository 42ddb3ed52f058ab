"""One database operation, free of how it arrived."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """The kinds of operation that both paths can run."""

    FIND = "find"
    COUNT = "count"
    DISTINCT = "distinct"
    AGGREGATE = "aggregate"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    FIND_AND_MODIFY = "find_and_modify"
    CREATE = "create"
    COLL_MOD = "coll_mod"
    RENAME_COLLECTION = "rename_collection"
    DROP = "drop"
    DROP_DATABASE = "drop_database"
    CREATE_INDEXES = "create_indexes"
    DROP_INDEXES = "drop_indexes"
    LIST_INDEXES = "list_indexes"
    LIST_COLLECTIONS = "list_collections"
    STATE = "state"
    """No command: the stored documents of both sides, compared after a write."""
    OTHER = "other"
    """A command without a counterpart; `arguments` keeps its name as the first key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A command of the MongoDB server, without session, cluster time and other gossip.

    `arguments` has the fields of the command under MongoDB's own names (`filter`, `updates`,
    `pipeline` …) with document sequences put back in place and values as the `bson` package decodes
    them with `comparators.canonical.CODEC`; the first field, which names the collection, is left out
    except for `Kind.OTHER`.
    Source: MongoDB manual, "Database Commands".
    """

    database: str
    collection: str
    kind: Kind
    arguments: Mapping[str, Any]

    @property
    def namespace(self) -> str:
        """Return `database.collection`."""
        return f"{self.database}.{self.collection}"

    @property
    def target(self) -> str | None:
        """Return the namespace into which a pipeline stores its result, None where there is none.

        Source: MongoDB manual, "$out (aggregation)", "$merge (aggregation)".
        """
        pipeline = self.arguments.get("pipeline")
        if self.kind is not Kind.AGGREGATE or not isinstance(pipeline, list) or not pipeline:
            return None
        target = _place(pipeline[-1])
        if isinstance(target, str):
            return f"{self.database}.{target}"
        if isinstance(target, Mapping) and isinstance(target.get("coll"), str):
            return f"{target.get('db') or self.database}.{target['coll']}"
        return None


def _place(stage: Any) -> Any:
    if not isinstance(stage, Mapping):
        return None
    if "$merge" in stage:
        merge = stage["$merge"]
        return merge.get("into") if isinstance(merge, Mapping) else merge
    return stage.get("$out")
