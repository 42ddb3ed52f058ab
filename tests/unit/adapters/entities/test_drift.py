from dataclasses import replace
from typing import Any

from bson.objectid import ObjectId

from adapters.entities.drift import FitOf
from adapters.entities.entity import Child, Column, ColumnType, EntityMap, Identity, IdentityType

ID = ObjectId(b"twelve bytes")
MAP = EntityMap(
    collection="things",
    table="things",
    identity=Identity(type=IdentityType.OBJECTID),
    columns=(
        Column(name="a", path=("a",), type=ColumnType.TEXT),
        Column(name="b_c", path=("b", "c"), type=ColumnType.INTEGER),
        Column(name="j", path=("j",), type=ColumnType.JSONB),
    ),
)


def test_documents_that_drift_are_counted_by_column() -> None:
    counted = FitOf(MAP)
    documents: list[dict[str, Any]] = [
        {"a": "x", "b": {"c": 1}},
        {"a": 1},
        {"a": 1, "b": {"c": "x"}},
        {"a": "x", "z": 1, "b": {"y": 2}},
        {"j": {"b": -0.0}},
    ]
    for document in documents:
        counted.add({"_id": ID, **document})

    fit = counted.fit
    assert (fit.documents, fit.drifting, fit.usual) == (5, 2, 1)
    assert dict(fit.columns) == {"a": 2, "b_c": 1}
    assert dict(fit.unmapped) == {("z",): 1, ("b", "y"): 1}
    assert fit.overflow_bytes > 0


def test_elements_that_drift_are_counted_by_document() -> None:
    lines = Child(
        table="lines",
        path=("lines",),
        columns=(Column(name="n", path=("n",), type=ColumnType.INTEGER),),
    )
    counted = FitOf(replace(MAP, columns=(), children=(lines,)))
    documents: list[dict[str, Any]] = [
        {"lines": [{"n": 1}, {"n": 2}]},
        {"lines": [{"n": "x"}, {"n": "x", "z": 1}, {"z": 1}]},
        {"lines": [5]},
        {"lines": "no array"},
    ]
    for document in documents:
        counted.add({"_id": ID, **document})

    fit = counted.fit
    assert (fit.documents, fit.drifting, fit.usual) == (4, 3, 1)
    assert dict(fit.columns) == {"lines.n": 2, "lines": 1}
    assert dict(fit.unmapped) == {("lines", "z"): 1}
