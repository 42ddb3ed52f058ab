"""A proposal for a map from a sample, with the evidence for each choice.

What nearly all values of a path are decides; the others will drift, and their share is told. Nothing that is
proposed holds a value of the data: no lists of allowed texts, no defaults.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.entities.checks import Key
from adapters.entities.entity import (
    Child,
    Column,
    ColumnType,
    EntityIndex,
    EntityMap,
    Identity,
    IdentityType,
)
from adapters.entities.evidence import MOST_COUNTED, Evidence, Sample
from adapters.entities.naming import column_of, snake
from adapters.query.paths import Path, split_path
from comparators.errors import SettingsError

MOST: Final = 0.95
"""A column is of the type that at least this share of the values has."""

RARE: Final = 0.01
"""A field in fewer documents stays in the overflow, unless an index needs it."""

MOST_FIELDS: Final = 60
FEW_FIELDS: Final = 12
SPARSE: Final = 0.25
"""A document with many names, or with some that are seldom the same, is a dictionary: its names are data."""

NUMBERS: Final = (
    ("decimal", ColumnType.NUMERIC),
    ("double", ColumnType.DOUBLE),
    ("long", ColumnType.BIGINT),
    ("int", ColumnType.INTEGER),
)
"""The type that holds numbers of a type, and of those behind it."""

SCALARS: Final[Mapping[str, ColumnType]] = {
    "string": ColumnType.TEXT,
    "bool": ColumnType.BOOLEAN,
    "date": ColumnType.TIMESTAMPTZ,
    "objectId": ColumnType.OBJECTID,
    "uuid": ColumnType.UUID,
    "binData": ColumnType.BYTEA,
}
IDENTITIES: Final[Mapping[str, IdentityType]] = {
    "objectId": IdentityType.OBJECTID,
    "string": IdentityType.TEXT,
}
KEPT_OPTIONS: Final = frozenset(
    "key unique sparse hidden partialFilterExpression expireAfterSeconds collation weights "
    "default_language language_override wildcardProjection".split()
)
TEXT_KEY: Final = "_fts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A map, and why each part is as it is, by the key that it stands above."""

    entity: EntityMap
    comments: Mapping[Key, Sequence[str]]


@dataclass(slots=True, kw_only=True)
class _Draft:
    documents: int
    owner: str
    indexed: frozenset[str]
    asked: frozenset[str] = frozenset()
    """The arrays that shall have child tables."""
    children: list[Child] = field(default_factory=list)
    columns: dict[str, Column] = field(default_factory=dict)
    comments: dict[Key, list[str]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def add(self, path: Path, kind: ColumnType, array: bool, why: str) -> None:
        name = column_of(".".join(path), self.owner, {*self.columns, "id"})
        self.columns[name] = Column(name=name, path=path, type=kind, array=array)
        self.comments["columns", name] = [why]

    def add_child(self, path: Path, elements: Evidence, why: str) -> None:
        """Add a child table with a column for each field of the elements that has one."""
        above = f"{'.'.join(path)}."
        inside = _Draft(
            documents=elements.types["object"],
            owner=snake(path[-1]).removesuffix("s"),
            indexed=frozenset(each.removeprefix(above) for each in self.indexed),
        )
        for name, evidence in elements.fields.items():
            _consider(inside, (name,), evidence)
        if not inside.columns:
            raise _no_child(".".join(path), "none of its fields has a column")
        table = f"{self.owner}_{'_'.join(map(snake, path))}"
        parent = f"{self.owner}_id"
        while parent in inside.columns:
            parent = f"{parent}_of"
        self.children.append(
            Child(table=table, path=path, parent=parent, columns=tuple(inside.columns.values()))
        )
        key = ("children", table)
        self.comments[key] = [why]
        self.comments |= {(*key, *inner): lines for inner, lines in inside.comments.items()}
        self.left_out += [f"{above}{each}" for each in inside.left_out]


def propose(
    collection: str,
    sample: Sample,
    indexes: Iterable[Mapping[str, Any]],
    children: Iterable[str] = (),
) -> Proposal:
    """Return a map for what a sample shows; `indexes` are specifications as MongoDB lists them.

    `children` are the paths of arrays that shall have child tables; SettingsError for one that is none of documents.
    """
    table = snake(collection)
    declared = [_index(each) for each in indexes if dict(each["key"]) != {"_id": 1}]
    paths = frozenset(path for index in declared for path in index.specification["key"])
    draft = _Draft(
        documents=sample.documents,
        owner=table.removesuffix("s"),
        indexed=paths,
        asked=frozenset(children),
    )
    for name, evidence in sample.root.fields.items():
        if name != "_id":
            _consider(draft, (name,), evidence)
    for text in sorted(draft.asked - {".".join(child.path) for child in draft.children}):
        raise _no_child(text, "the sample has no array of documents there")
    for text in sorted(paths - {"_id"}):
        covered = [column.path for column in draft.columns.values()]
        covered += [child.path for child in draft.children]
        if not _is_covered(text, covered) and "$**" not in text:
            draft.add(
                split_path(text), ColumnType.JSONB, False, "not in the sample; an index needs it"
            )
    identity, why = _identity(sample.root.fields.get("_id", Evidence()))
    head = [
        f"Proposed by `parallax map infer` from {sample.documents} documents; no value of them stands here."
    ]
    if draft.left_out:
        head.append(f"In the overflow: {', '.join(draft.left_out)}.")
    return Proposal(
        entity=EntityMap(
            collection=collection,
            table=table,
            identity=Identity(type=identity),
            columns=tuple(draft.columns.values()),
            children=tuple(draft.children),
            indexes=tuple(declared),
        ),
        comments={(): head, ("id",): [why], **draft.comments},
    )


def _consider(draft: _Draft, path: Path, evidence: Evidence) -> None:
    text = ".".join(path)
    values = evidence.seen - evidence.nulls
    needed = any(_overlap(text, indexed) for indexed in draft.indexed)
    if not _is_name(path[-1]):
        draft.left_out.append(f"{text} (no name for a column's path)")
    elif text in draft.asked and evidence.elements is not None:
        draft.add_child(path, evidence.elements, _why_child(draft, evidence))
    elif not values or (evidence.seen < RARE * draft.documents and not needed):
        draft.left_out.append(
            f"{text} ({_percent(evidence.seen, draft.documents)} of the documents)"
        )
    elif evidence.types["object"] >= MOST * values and not _is_dictionary(evidence):
        for name, inner in evidence.fields.items():
            _consider(draft, (*path, name), inner)
    else:
        kind, array = _type_of(evidence, values)
        if any(indexed.startswith(f"{text}.") for indexed in draft.indexed):
            kind, array = ColumnType.JSONB, False
        if kind is None:
            draft.left_out.append(f"{text} (no column holds its type)")
        else:
            why = _why(draft, evidence, kind, array)
            if evidence.elements is not None:
                why += f"; `--child {text}` makes a table of it"
            draft.add(path, kind, array, why)


def _type_of(evidence: Evidence, values: int) -> tuple[ColumnType | None, bool]:
    """Return the type of a column, and whether it is an array; None where no column holds the values."""
    types = evidence.types
    if types["array"] >= MOST * values:
        kind = max(evidence.fits, key=lambda each: evidence.fits[each], default=None)
        if kind is not None and evidence.fits[kind] + evidence.empty >= MOST * types["array"]:
            return kind, True
        return ColumnType.JSONB, False
    numbers = sum(types[name] for name, _kind in NUMBERS)
    if numbers >= MOST * values:
        return next(kind for name, kind in NUMBERS if types[name]), False
    name, count = max(types.items(), key=lambda item: item[1] if item[0] != "null" else 0)
    if count >= MOST * values and name not in {"object", "array"}:
        return SCALARS.get(name), False
    return ColumnType.JSONB, False


def _is_dictionary(evidence: Evidence) -> bool:
    names = len(evidence.fields)
    documents = max(evidence.types["object"], 1)
    present = sum(inner.seen for inner in evidence.fields.values()) / documents
    return not names or names > MOST_FIELDS or (names > FEW_FIELDS and present < SPARSE * names)


def _is_name(name: str) -> bool:
    return (
        bool(name)
        and not name.isdecimal()
        and not name.startswith("$")
        and "." not in name
        and "\0" not in name
    )


def _why(draft: _Draft, evidence: Evidence, kind: ColumnType, array: bool) -> str:
    parts = [
        ", ".join(
            f"{name} {_percent(count, draft.documents)}"
            for name, count in evidence.types.most_common()
        )
    ]
    missing = draft.documents - evidence.seen
    if missing > 0:
        parts.append(f"missing {_percent(missing, draft.documents)}")
    if evidence.shortest is not None:
        unit = "elements" if evidence.types["array"] else "characters"
        parts.append(f"{evidence.shortest} to {evidence.longest} {unit}")
    if evidence.distinct >= MOST_COUNTED:
        parts.append(f"{MOST_COUNTED} or more distinct")
    elif evidence.distinct:
        parts.append(f"{evidence.distinct} distinct")
    if kind is not ColumnType.JSONB:
        held = evidence.fits[kind] + (evidence.empty if array else 0)
        drifting = evidence.seen - evidence.nulls - held
        if drifting:
            parts.append(f"{_percent(drifting, draft.documents)} would drift")
    return "; ".join(parts)


def _why_child(draft: _Draft, evidence: Evidence) -> str:
    elements = evidence.elements or Evidence()
    kinds = ", ".join(
        f"{name} {_percent(count, elements.seen)}" for name, count in elements.types.most_common()
    )
    return f"{_why(draft, evidence, ColumnType.JSONB, False)}; of {elements.seen} elements: {kinds}"


def _no_child(path: str, why: str) -> SettingsError:
    return SettingsError(
        f"{path!r} cannot have a child table: {why}",
        where="--child",
        remedy="name the path of an array of documents, or look at a larger sample",
    )


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole if whole else 0.0
    return "< 0.1 %" if 0 < share < 0.1 else f"{share:.1f}".removesuffix(".0") + " %"


def _identity(evidence: Evidence) -> tuple[IdentityType, str]:
    shares = ", ".join(
        f"{name} {_percent(count, evidence.seen)}" for name, count in evidence.types.most_common()
    )
    only = list(evidence.types)
    kind = IDENTITIES.get(only[0]) if len(only) == 1 else None
    return kind or IdentityType.KEY, shares or "no document was seen"


def _index(listed: Mapping[str, Any]) -> EntityIndex:
    """Return an index as it was declared: a text index is listed by its words, not by its fields."""
    options = {name: value for name, value in listed.items() if name in KEPT_OPTIONS}
    key = dict(listed["key"])
    if TEXT_KEY in key:
        texts = dict.fromkeys(listed.get("weights", {}), "text")
        plain = {path: kind for path, kind in key.items() if not path.startswith(TEXT_KEY)}
        options["key"] = {**plain, **texts}
    return EntityIndex(name=str(listed["name"]), specification=options)


def _is_covered(text: str, paths: Iterable[Path]) -> bool:
    return any(_overlap(text, ".".join(path)) for path in paths)


def _overlap(one: str, other: str) -> bool:
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")
