from adapters.entities.entity import (
    Child,
    Column,
    ColumnType,
    EntityIndex,
    EntityMap,
    FullText,
    Identity,
    IdentityType,
    Reference,
)
from adapters.entities.notation import entity_of, text_of


def test_a_map_comes_back_from_its_text() -> None:
    role = Column(
        name="role",
        path=("profile", "role"),
        type=ColumnType.VARCHAR,
        length=10,
        allowed=("USER",),
        default="USER",
    )
    owner = Column(
        name="owner",
        path=("owner",),
        type=ColumnType.OBJECTID,
        array=True,
        reference=Reference(collection="users", column="id", enforced=True),
    )
    entity = EntityMap(
        collection="users",
        table="people",
        identity=Identity(type=IdentityType.TEXT, name="email"),
        columns=(role, owner),
        children=(Child(table="keys", path=("keys",), columns=(role,)),),
        indexes=(EntityIndex(name="owner_1", specification={"key": {"owner": 1}}),),
        full_text=(FullText(name="words", language="english", weights={"role": "A"}),),
        about="People's accounts.",
    )

    assert entity_of(text_of(entity)) == entity
    assert entity_of(text_of(entity)).about == entity.about
