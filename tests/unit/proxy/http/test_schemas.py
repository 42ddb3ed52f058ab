"""The JSON Schemas of entities, from their models."""

from adapters.entities.mongoose.models import read_models
from adapters.mongoose.models import LIBRECHAT
from adapters.mongoose.schema import schema_of
from adapters.repositories.adapting import adapted
from proxy.http.schemas import entity_schemas

MODELS = {each.model: adapted(schema_of(each)) for each in read_models(LIBRECHAT)}


def test_what_is_sent_is_typed_bound_and_required_as_the_model_says() -> None:
    made = entity_schemas("User", MODELS["User"].schema, frozenset({"password"}))
    new, answered = made["UserNew"], made["User"]

    assert new["required"] == ["email"]
    password = {"type": ["string", "null"], "minLength": 8, "maxLength": 128, "writeOnly": True}
    assert new["properties"]["password"] == password
    assert new["properties"]["twoFactorEnabled"] == {"type": ["boolean", "null"]}
    assert "$date" in new["properties"]["expiresAt"]["properties"]
    assert "password" not in answered["properties"]
    assert answered["properties"]["email"] == {"type": ["string", "null"]}
    assert "required" not in answered


def test_every_model_has_schemas_of_its_paths() -> None:
    for name, model in MODELS.items():
        made = entity_schemas(name, model.schema, frozenset())
        assert made.keys() == {name, f"{name}New", f"{name}Change"}
        for path in model.schema.types:
            at = made[name]
            for part in path.split("."):
                at = at["properties"][part]
