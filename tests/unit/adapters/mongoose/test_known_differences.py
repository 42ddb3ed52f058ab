"""The differences from Mongoose that docs/models.md numbers; test_javascript.py and test_patterns.py show 2 and 6."""

import re
from pathlib import Path
from typing import Any

import pytest
from bson.objectid import ObjectId

from adapters.entities.mongoose.models import Model, read_models
from adapters.mongoose.changes import Saving
from adapters.mongoose.errors import CastError
from adapters.mongoose.filters import cast_filter
from adapters.mongoose.making import Making
from adapters.mongoose.models import LIBRECHAT
from adapters.mongoose.schema import ModelSchema, schema_of
from adapters.mongoose.updates import cast_update

DOCS = Path(__file__).parents[4] / "docs" / "models.md"
NESTED: list[dict[str, Any]] = [
    {"path": "n.a", "instance": "String"},
    {"path": "n.b", "instance": "String"},
    {"path": "map", "instance": "Map"},
    {"path": "map.$*", "instance": "Number"},
    {"path": "any", "instance": "Mixed"},
    {"path": "part", "instance": "Embedded", "schema": {"timestamps": True}},
    {"path": "part.text", "instance": "String"},
    {"path": "_id", "instance": "ObjectId", "options": {"auto": True}},
]


@pytest.fixture
def model() -> ModelSchema:
    described = {"model": "M", "collection": "ms", "paths": NESTED}
    return schema_of(Model.model_validate(described))


@pytest.fixture
def making() -> Making:
    return Making(model="M", now_ms=0, new_id=ObjectId)


def test_each_difference_has_a_number() -> None:
    listed = DOCS.read_text().partition("## Known differences")[2]

    assert re.findall(r"^(\d+)\.", listed, re.MULTILINE) == [str(n) for n in range(1, 8)]


def test_1_hooks_do_not_run(making: Making) -> None:
    role = next(each for each in read_models(LIBRECHAT) if each.model == "AccessRole")

    change = cast_update(schema_of(role).schema, {"tenantId": "t"}, making, filter_={})

    assert change["$set"]["tenantId"] == "t"


def test_3_a_number_is_no_map(model: ModelSchema, making: Making) -> None:
    with pytest.raises(CastError):
        cast_update(model.schema, {"map": 5}, making, filter_={})
    with pytest.raises(CastError):
        cast_filter(model.schema, {"map": 5}, "M")


def test_4_a_save_sends_each_path(model: ModelSchema, making: Making) -> None:
    stored = {"_id": ObjectId(), "n": {"a": "1", "b": "2"}, "__v": 0}

    saving = Saving(
        model=model, making=making, stored=stored, document={**stored, "n": {"a": "3", "b": "2"}}
    )

    assert saving.update() == {"$set": {"n.a": "3"}}


def test_5_a_path_inside_leaves_the_time_of_its_subdocument(
    model: ModelSchema, making: Making
) -> None:
    change = cast_update(model.schema, {"part.text": "t"}, making, filter_={})

    assert change == {"$set": {"part.text": "t"}}


def test_7_a_float_stays_a_double_in_mixed_paths(model: ModelSchema, making: Making) -> None:
    change = cast_update(model.schema, {"any": 5.0}, making, filter_={})

    assert type(change["$set"]["any"]) is float
