"""Paths that never leave a repository unless they are asked for by name, and pipelines that cannot reach them."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, Final

from adapters.mongoose.model import Model
from adapters.mongoose.projections import projection_of
from comparators.errors import RefusedError

SECRETS: Final[Mapping[str, tuple[str, ...]]] = {
    "Action": ("metadata.api_key", "metadata.oauth_client_id", "metadata.oauth_client_secret"),
    "AgentApiKey": ("keyHash",),
    "Key": ("value",),
    "PluginAuth": ("value",),
    "Session": ("refreshTokenHash",),
    "Token": ("token",),
    "User": ("password", "refreshToken", "totpSecret", "backupCodes"),
}
"""What an application keeps secret besides what its schema hides (`select: false`), by model."""
SELECTING: Final = frozenset({"$match", "$geoNear"})
CALCULATING: Final = frozenset({"$expr", "$jsonSchema"})
"""What a filter has that reaches paths without naming one: it must not see what is hidden."""
STORING: Final = frozenset({"$out", "$merge"})

Document = dict[str, Any]
Stage = Mapping[str, Any]


def hidden_paths(model: Model) -> frozenset[str]:
    """Return the paths that are shown only where they are named: those of its schema, and secrets."""
    return frozenset(projection_of(model.schema.schema, None))


def without(document: Mapping[str, Any], paths: Sequence[str] | frozenset[str]) -> Document:
    """Return a document without what is at these paths, also inside arrays."""
    shown = dict(document)
    for path in paths:
        first, dot, rest = path.partition(".")
        if not dot:
            shown.pop(first, None)
        elif first in shown:
            shown[first] = _inner(shown[first], rest)
    return shown


def with_kept(
    given: Mapping[str, Any], stored: Mapping[str, Any], paths: frozenset[str]
) -> Document:
    """Return a document with what another has at these paths, where it has nothing there itself."""
    made = dict(given)
    for path in paths:
        first, dot, rest = path.partition(".")
        if first not in stored:
            continue
        if not dot:
            made.setdefault(first, stored[first])
        elif isinstance(stored[first], Mapping) and isinstance(made.get(first, {}), Mapping):
            inner = with_kept(made.get(first, {}), stored[first], frozenset({rest}))
            made |= {first: inner} if inner else {}
    return made


def touches(path: str, hidden: frozenset[str]) -> bool:
    """Return whether a path is hidden, or is above or below one that is."""
    plain = ".".join(part for part in path.split(".") if not part.isdigit())
    return any(
        f"{plain}.".startswith(f"{each}.") or each.startswith(f"{plain}.") for each in hidden
    )


def _inner(value: Any, path: str) -> Any:
    if isinstance(value, Mapping):
        return without(value, [path])
    if isinstance(value, list):
        return [_inner(each, path) for each in value]
    return value


def guarded(
    pipeline: Sequence[Stage],
    hidden: frozenset[str],
    hidden_of: Mapping[str, frozenset[str]],
) -> list[Document]:
    """Return a pipeline that reads `hidden` paths of its own collection no more than those of others.

    `hidden_of` has them by collection. Raises RefusedError for a stage that stores its result.
    """
    # What selects documents may name everything, as the filter of a find; and some stages must come first.
    leading = sum(1 for _ in takewhile(_selects, pipeline))
    made: list[Document] = [dict(stage) for stage in pipeline[:leading]]
    made += [{"$unset": sorted(hidden)}] if hidden else []
    for stage in pipeline[leading:]:
        made += _guarded_stage(stage, hidden_of)
    return made


def _selects(stage: Stage) -> bool:
    return next(iter(stage), None) in SELECTING and not _calculates(stage)


def _calculates(value: Any) -> bool:
    if isinstance(value, Mapping):
        return not CALCULATING.isdisjoint(value) or any(map(_calculates, value.values()))
    return isinstance(value, list) and any(map(_calculates, value))


def _guarded_stage(stage: Stage, hidden_of: Mapping[str, frozenset[str]]) -> list[Document]:
    [(name, given)] = stage.items()
    if name in STORING:
        raise RefusedError(
            f"a pipeline with {name} writes",
            where="aggregate",
            remedy="store the result with bulk_create, or ask the database itself",
        )
    if name == "$facet":
        facets = {each: guarded(inner, frozenset(), hidden_of) for each, inner in given.items()}
        return [{name: facets}]
    if name == "$unionWith":
        union: Document = {"coll": given} if isinstance(given, str) else dict(given)
        hidden = hidden_of.get(union.get("coll", ""), frozenset())
        return [
            {name: {**union, "pipeline": guarded(union.get("pipeline", ()), hidden, hidden_of)}}
        ]
    if name not in {"$lookup", "$graphLookup"}:
        return [dict(stage)]
    hidden = hidden_of.get(given.get("from", ""), frozenset())
    joined = dict(given)
    if "pipeline" in joined:
        joined["pipeline"] = guarded(joined["pipeline"], hidden, hidden_of)
    after = [{"$unset": [f"{given['as']}.{path}" for path in sorted(hidden)]}] if hidden else []
    return [{name: joined}, *after]
