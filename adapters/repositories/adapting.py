"""What repositories add to the schemas of an application: secrets are hidden, and what the seeds' methods store has a path."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from adapters.mongoose.schema import ModelSchema, SchemaType
from adapters.repositories.secrecy import SECRETS

ADDED: Final[Mapping[str, Mapping[str, str]]] = {"User": {"lastLogin": "Date"}}
"""Paths that a schema lacks, with their types: in strict mode they would be dropped without a word."""


def adapted(model: ModelSchema) -> ModelSchema:
    """Return the schema as repositories use it."""
    types = dict(model.schema.types)
    for path in SECRETS.get(model.name, ()):
        if path in types:
            hidden = {**types[path].options, "select": False}
            types[path] = replace(types[path], options=hidden)
    for path, instance in ADDED.get(model.name, {}).items():
        types.setdefault(path, SchemaType(path=path, instance=instance, options={}))
    return replace(model, schema=replace(model.schema, types=types))
