"""Maps for collections of any name, made to be hard on documents: most values drift, are null or stand elsewhere."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from adapters.entities.entity import Child, Column, ColumnType, EntityMap, Identity, IdentityType
from adapters.postgresql.tables import table_name
from adapters.query.paths import split_path


def column(path: str, kind: ColumnType, **more: Any) -> Column:
    return Column(name=f"the {path}", path=split_path(path), type=kind, **more)


HOSTILE: Final = "it's \"\\ %(x)s :y $1 {z}; --"

COLUMNS: Final = (
    column("a", ColumnType.INTEGER),
    column("b", ColumnType.TEXT, array=True),
    column("c.a", ColumnType.DOUBLE),
    column("c.b", ColumnType.TEXT, allowed=("a", "b", "ab", "x")),
    column("c.c.a", ColumnType.TIMESTAMPTZ),
    column("c.c.b", ColumnType.OBJECTID),
    column("d", ColumnType.JSONB),
    column("n", ColumnType.BIGINT),
    column("email", ColumnType.VARCHAR, length=12),
    column("tags", ColumnType.VARCHAR, length=3, array=True),
    column("at", ColumnType.TIMESTAMPTZ),
    Column(name=HOSTILE, path=("x",), type=ColumnType.BOOLEAN),
    column("ids", ColumnType.OBJECTID, array=True),
    column("dates", ColumnType.TIMESTAMPTZ, array=True),
    column("v", ColumnType.NUMERIC),
    column("k", ColumnType.UUID),
)


CHILDREN: Final = {
    "a": (
        column("a", ColumnType.INTEGER),
        column("b", ColumnType.TEXT, array=True),
        column("c.a", ColumnType.JSONB),
    ),
    "c.b": (
        column("a", ColumnType.DOUBLE),
        Column(name=HOSTILE, path=("b",), type=ColumnType.TEXT),
    ),
    "t": (column("x", ColumnType.INTEGER), column("y", ColumnType.BIGINT)),
}
"""Columns of elements, by the path of the array."""

BESIDE_CHILDREN: Final = (
    column("b", ColumnType.TEXT, array=True),
    column("c.a", ColumnType.DOUBLE),
    column("d", ColumnType.JSONB),
    column("s", ColumnType.TEXT),
    column("at", ColumnType.TIMESTAMPTZ),
)


class EveryCollection(Mapping[str, EntityMap]):
    """A map for every collection."""

    def __init__(
        self,
        identity: IdentityType,
        columns: tuple[Column, ...] = COLUMNS,
        children: Mapping[str, tuple[Column, ...]] | None = None,
    ) -> None:
        self._identity = identity
        self._columns = columns
        self._children = children or {}

    def __getitem__(self, name: str) -> EntityMap:
        return EntityMap(
            collection=name,
            table=table_name(name),
            identity=Identity(type=self._identity),
            columns=self._columns,
            children=tuple(
                Child(
                    table=f"{table_name(name)[:40]} {path}",
                    path=split_path(path),
                    columns=columns,
                )
                for path, columns in self._children.items()
            ),
        )

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


STORAGES: Final[Mapping[str, Mapping[str, EntityMap]]] = {
    "documents": {},
    **{f"mapped by {identity}": EveryCollection(identity) for identity in IdentityType},
    "mapped with child tables": EveryCollection(IdentityType.OBJECTID, BESIDE_CHILDREN, CHILDREN),
}
"""The maps of a gateway, by where it then keeps documents."""
