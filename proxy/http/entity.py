"""One entity as the API shows it: a repository under its name, and the versions of its documents."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bson.datetime_ms import DatetimeMS

from adapters.gateway import Transaction
from adapters.mongoose.populating import Populate
from adapters.mongoose.schema import Schema
from adapters.repositories.repository import Repository
from adapters.repositories.secrecy import hidden_paths
from proxy.http.problems import Code, ProblemError

VERSION: Final = "__v"
UPDATED: Final = "updatedAt"
_TAG: Final = re.compile(r'"(?P<version>\d{1,18}|x)(?:-(?P<updated>\d{1,18}))?"')
_MANY_TAGS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A repository; `hidden` are the paths that only the scope admin may name, `searched` those of a search."""

    repository: Repository
    hidden: frozenset[str]
    searched: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name in the path of a request."""
        return self.repository.model.schema.name

    @property
    def schema(self) -> Schema:
        """The paths of its documents."""
        return self.repository.model.schema.schema

    @property
    def collection(self) -> str:
        """Where the database keeps it."""
        return self.repository.model.schema.collection

    async def by_id(
        self,
        identifier: str,
        *,
        projection: Mapping[str, Any] | None = None,
        populate: Sequence[Populate] = (),
        session: Transaction | None = None,
    ) -> dict[str, Any]:
        """Return a document; ProblemError where there is none."""
        found = await self.repository.find_by_id(
            identifier, projection=projection, populate=populate, session=session
        )
        if found is None:
            raise _missing(self.name)
        return found


def entity_of(repository: Repository) -> Entity:
    """Return a repository as the API shows it."""
    types = repository.model.schema.schema.types
    hidden = hidden_paths(repository.model)
    # What has an index of its own as well is an identifier.
    texts = (
        path
        for path, each in types.items()
        if each.instance == "String" and not each.options.get("index") and path not in hidden
    )
    return Entity(
        repository=repository,
        hidden=hidden,
        searched=tuple(path for path in texts if types[path].options.get("meiliIndex")),
    )


def tag_of(document: Mapping[str, Any]) -> str | None:
    """Return the version of a document as an entity tag; None where a projection has left it out."""
    if VERSION not in document and UPDATED not in document:
        return None
    version, updated = document.get(VERSION), document.get(UPDATED)
    told = str(int(version)) if isinstance(version, int | float) else "x"
    return f'"{told}-{int(updated)}"' if isinstance(updated, DatetimeMS) else f'"{told}"'


def condition_of(tags: str | None) -> dict[str, Any]:
    """Return the filter for a document that is at one of the versions which `If-Match` names; None names none.

    What is no tag of ours is one that no document has.
    """
    if tags is None or tags.strip() == "*":
        return {}
    named = [_TAG.fullmatch(tag.strip()) for tag in tags.split(",")[:_MANY_TAGS]]
    versions = [_at(tag) for tag in named if tag is not None]
    if not versions:
        raise ProblemError(Code.CHANGED_MEANWHILE, "no document has had this version")
    return versions[0] if len(versions) == 1 else {"$or": versions}


def is_named(tag: str | None, tags: str | None) -> bool:
    """Return whether `If-None-Match` names a version."""
    if tags is None or tag is None:
        return False
    named = {each.strip().removeprefix("W/") for each in tags.split(",")}
    return tag in named or "*" in named


def _at(tag: re.Match[str]) -> dict[str, Any]:
    version = {"$exists": False} if tag["version"] == "x" else int(tag["version"])
    at: dict[str, Any] = {VERSION: version}
    if tag["updated"]:
        at[UPDATED] = DatetimeMS(int(tag["updated"]))
    return at


def _missing(name: str) -> ProblemError:
    return ProblemError(Code.NO_SUCH_DOCUMENT, f"{name} has none with this id")
