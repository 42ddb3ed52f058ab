"""Documents for a schema, drawn at random: such as fit, such as can be cast, and such as do not."""

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId

from adapters.mongoose.schema import Schema, SchemaType

SINCE_MS: Final = 1_500_000_000_000
DAY_MS: Final = 86_400_000
WITHOUT_COUNTERPART: Final = "compactionSemanticIndex"
"""The one path of LibreChat whose validator is not written again."""
UNTOUCHED: Final = frozenset({"_id", "__v", "tenantId", "serverName", "normalizedServerName"})
"""What random updates leave alone: hooks of LibreChat forbid to change the third, and make the last of the one before."""
WORDS: Final = ("alpha", " Beta ", "gamma-3", "Δelta", "", "a@b.example", "7", "true", "x" * 70)


class Generator:
    """One stream of random documents."""

    def __init__(self, random: Random, *, wrong: float) -> None:
        """`wrong` is the share of values that may not fit."""
        self._random = random
        self._wrong = wrong

    def document(self, schema: Schema, *, sparse: float = 0.3) -> dict[str, Any]:
        """Return a document; each path that may be missing is so in a share of `sparse`."""
        made: dict[str, Any] = {}
        for path, kind in schema.types.items():
            if path in {
                "__v",
                WITHOUT_COUNTERPART,
                schema.timestamps.created,
                schema.timestamps.updated,
            }:
                continue
            if path == "_id" and kind.options.get("auto"):
                continue
            needed = "required" in kind.options and not self._hit(self._wrong)
            if needed or not self._hit(sparse):
                _put(made, path, self.value(kind))
        if self._hit(0.3):
            made["unknownToTheSchema"] = self._random.choice([1, "x", {"a": 1}])
        return made

    def value(self, kind: SchemaType) -> Any:
        """Return a value for a path."""
        if self._hit(self._wrong):
            return self._random.choice(ODD)
        allowed = kind.options.get("enum")
        if isinstance(allowed, list) and not self._hit(self._wrong):
            return self._random.choice(allowed)
        how = VALUES.get(kind.instance)
        return self._random.choice(ODD) if how is None else how(self, kind)

    def _hit(self, share: float) -> bool:
        return self._random.random() < share

    def text(self, kind: SchemaType) -> Any:
        least = kind.options.get("minlength")
        if isinstance(least, int) and not self._hit(self._wrong):
            return "m" * (least + 1)
        if "match" in kind.options:
            return self._random.choice(["User@Example.org", "key-1"])
        if "validate" in kind.options:
            return self._random.choice(["read:users", "name", "some/path.md", "a_b"])
        return self._random.choice(WORDS) if self._hit(0.8) else self._random.choice([5, 1.5, True])

    def number(self, kind: SchemaType) -> Any:
        least = kind.options.get("min")
        lowest = int(least) if isinstance(least, int) else 0
        plain = self._random.choice([lowest, lowest + 1, lowest + 12, 0.5, -3])
        return self._random.choice([plain, plain, str(plain), 5_000_000_000, True])

    def flag(self, _kind: SchemaType) -> Any:
        return self._random.choice([True, False, True, False, "true", "no", 1, 0])

    def date(self, _kind: SchemaType) -> Any:
        at = SINCE_MS + self._random.randrange(2_000) * DAY_MS
        return self._random.choice(
            [
                DatetimeMS(at),
                DatetimeMS(at),
                at,
                str(at),
                "2021-03-04",
                "2021-03-04T05:06:07.089Z",
                "",
            ]
        )

    def identifier(self, _kind: SchemaType) -> Any:
        identifier = ObjectId(self._random.randbytes(12))
        return self._random.choice([identifier, identifier, str(identifier), {"_id": identifier}])

    def anything(self, _kind: SchemaType) -> Any:
        return self._random.choice(
            [
                1,
                "x",
                {"b": {"c": {}}, "a": [1, {}]},
                [],
                {},
                [{"z": 1.5}],
                None,
                True,
                9_000_000_000,
            ]
        )

    def listed(self, kind: SchemaType) -> Any:
        items = [self._item(kind) for _ in range(self._random.randrange(3))]
        return items[0] if items and self._hit(0.1) else items

    def _item(self, kind: SchemaType) -> Any:
        return (
            self.value(kind.element) if kind.element is not None else self.document(kind.documents)
        )

    def mapped(self, kind: SchemaType) -> Any:
        return {name: self.value(kind.values) for name in self._random.sample(["k", "l", "m"], 2)}

    def subdocument(self, kind: SchemaType) -> Any:
        return self.document(kind.documents)

    def paths(self, schema: Schema) -> Iterator[tuple[str, SchemaType]]:
        """Yield some paths of a schema that updates and filters may speak of."""
        known = [path for path in schema.types if path not in UNTOUCHED]
        for path in self._random.sample(known, min(len(known), 4)):
            yield path, schema.types[path]


def _put(document: dict[str, Any], path: str, value: Any) -> None:
    *above, name = path.split(".")
    for part in above:
        document = document.setdefault(part, {})
    document[name] = value


ODD: Final[tuple[Any, ...]] = (None, "odd", {"odd": 1}, 5, True, ["b"], "", {}, -1.5, [["a"]])
"""Values that fit some types, can be cast to others, and are refused by the rest."""

VALUES: Final[Mapping[str, Callable[[Generator, SchemaType], Any]]] = {
    "String": Generator.text,
    "Number": Generator.number,
    "Boolean": Generator.flag,
    "Date": Generator.date,
    "ObjectId": Generator.identifier,
    "Mixed": Generator.anything,
    "Array": Generator.listed,
    "DocumentArray": Generator.listed,
    "Map": Generator.mapped,
    "Embedded": Generator.subdocument,
}
