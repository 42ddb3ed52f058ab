"""Mongoose 8 and our models do the same: for LibreChat's 47 models, and for each feature."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongodb.database import MongoDatabase
from adapters.mongoose.models import LIBRECHAT, Models, models_of
from proxy.embedded import EmbeddedMongo
from tests.e2e.models.features import (
    bulk_writes,
    creations,
    finds,
    hydrations,
    saves,
    updates,
    with_options,
)
from tests.e2e.models.generating import Generator
from tests.e2e.models.twin import Call, Twins, mongoose
from tests.e2e.node_runs import NODE, logging_to

EXPORTER = Path(__file__).parents[3] / "adapters" / "mongoose" / "exporter" / "export.mjs"
SEED = 404
ROUNDS = 8
APPEND_ONLY = "AuditLog"
"""A hook of LibreChat forbids to change it."""
WRONG = (0.0, 0.0, 0.04, 0.15)


def programs(models: Models, random: Random) -> Iterator[list[Call]]:
    """Yield calls on each model: creations, then finds, updates and deletions."""
    for name, model in models.items():
        schema = model.schema.schema
        calls: list[Call] = []
        for at in range(ROUNDS):
            generator = Generator(random, wrong=WRONG[at % len(WRONG)])
            document = generator.document(schema)
            if name == "MCPServer":
                document |= dict.fromkeys(("serverName", "normalizedServerName"), f"server-{at}")
            calls.append({"model": name, "call": "create", "documents": [document]})
        generator = Generator(random, wrong=0.05)
        for path, kind in generator.paths(schema):
            value = generator.value(kind)
            calls.append({"model": name, "call": "find", "filter": {path: value}})
            calls.append(
                {
                    "model": name,
                    "call": "find",
                    "filter": {"$or": [{path: {"$in": [value]}}, {path: {"$ne": value}}]},
                    "sort": {path: -1, "_id": 1},
                    "limit": 2,
                }
            )
        if name == APPEND_ONLY:
            yield calls
            continue
        for path, kind in generator.paths(schema):
            update = {"$set": {path: generator.value(kind), "unknown": 1}}
            calls.append({"model": name, "call": "update_many", "filter": {}, "update": update})
        for path, kind in generator.paths(schema):
            call = {"filter": {path: generator.value(kind)}, "update": {"$set": {}}}
            for other, held in generator.paths(schema):
                if other != path:
                    call["update"]["$set"][other] = generator.value(held)
            calls.append(
                {"model": name, "call": "find_one_and_update", **call, "new": True, "upsert": True}
            )
        calls.append({"model": name, "call": "count_documents", "filter": {}})
        calls.append({"model": name, "call": "delete_many", "filter": {}})
        yield calls


async def test_librechat_is_served_as_by_mongoose(
    mongo: EmbeddedMongo,
    mongo_database: AsyncDatabase[dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    async with twins(
        mongo, mongo_database, "./models/librechat.mjs", LIBRECHAT, logs=tmp_path
    ) as both:
        for calls in programs(both.models, Random(SEED)):
            await both.compare(calls)

    _judge(both, capsys)


async def test_each_feature_is_served_as_by_mongoose(
    mongo: EmbeddedMongo,
    mongo_database: AsyncDatabase[dict[str, Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    exported = await export("./models/features.mjs", tmp_path / "features.json")

    async with twins(
        mongo, mongo_database, "./models/features.mjs", exported, logs=tmp_path
    ) as both:
        for calls in (
            creations(),
            finds(),
            updates(),
            with_options(),
            hydrations(),
            saves(),
            bulk_writes(),
        ):
            await both.compare(list(calls))

    _judge(both, capsys)


def _judge(both: Twins, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{both.totals()}")  # noqa: T201 - the totals are what the test is for
    assert not both.differences, "\n".join(map(str, both.differences[:20]))


async def export(module: str, out: Path, *options: str) -> Path:
    """Write the models that a module of the Node tests makes."""
    node = shutil.which("node")
    assert node is not None
    process = await asyncio.create_subprocess_exec(
        *map(str, (node, EXPORTER, module, "--out", out, *options)),
        cwd=NODE,
        env=logging_to(out.parent),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out


@asynccontextmanager
async def twins(
    mongo: EmbeddedMongo,
    database: AsyncDatabase[dict[str, Any]],
    module: str,
    exported: Path,
    *,
    logs: Path,
) -> AsyncIterator[Twins]:
    """Give both sides on databases of one server."""
    theirs = f"{database.name}_m"
    async with (
        MongoDatabase(mongo.uri) as own,
        mongoose(mongo.uri, theirs, module, logs=logs) as real,
    ):
        models = models_of(exported, own, name=database.name)
        yield Twins(mongoose=real, models=models, database=database)
    await database.client.drop_database(theirs)


async def test_the_models_of_librechat_are_those_of_its_package(tmp_path: Path) -> None:
    package = "@librechat/data-schemas"
    version = json.loads((NODE / "package.json").read_text())["dependencies"][package]

    made = await export(package, tmp_path / "made.json", "--package", f"{package}@{version}")

    assert made.read_text() == LIBRECHAT.read_text()
