from pathlib import Path

import pytest

from adapters.entities.profile import load_profile
from comparators.errors import SettingsError

USERS = """\
collection = "users"
table = "users"
[id]
type = "objectid"
"""


def orders(*, collection: str = "orders", table: str = "orders", column: str) -> str:
    head = f'collection = "{collection}"\ntable = "{table}"\n[id]\ntype = "objectid"\n[columns]\n'
    return head + column + "\n"


USER = 'user_id = { path = "user", type = "objectid", references = "users.id" }'


def profile(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


def test_a_profile_is_a_folder_of_maps_by_collection(tmp_path: Path) -> None:
    entities = load_profile(profile(tmp_path, users=USERS, orders=orders(column=USER)))

    assert {name: entity.table for name, entity in entities.items()} == {
        "orders": "orders",
        "users": "users",
    }


@pytest.mark.parametrize(
    ("files", "line", "what"),
    [
        ({"orders": orders(column=USER)}, 6, "users.id is no primary key"),
        ({"users": USERS, "orders": orders(column=USER.replace(".id", ".name"))}, 6, "users.name"),
        ({"users": USERS, "orders": orders(column=USER.replace("objectid", "text"))}, 6, "text"),
        ({"users": USERS, "a": orders(table="users", column="")}, 2, "belongs to"),
        ({"users": USERS, "a": orders(collection="users", column="")}, 1, "has a map already"),
        (
            {"a": orders(column='[children.a]\npath = "c"\n[children.a.columns]\n' + USER)},
            9,
            "users",
        ),
    ],
)
def test_maps_that_contradict_each_other_name_the_line(
    tmp_path: Path, files: dict[str, str], line: int, what: str
) -> None:
    with pytest.raises(SettingsError, match=what) as error:
        load_profile(profile(tmp_path, **files))

    assert error.value.where.endswith(f".toml:{line}")


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match="no-such-profile") as error:
        load_profile("no-such-profile")

    assert error.value.where == "[gateway] entities"


def test_the_profile_of_librechat_maps_all_its_collections() -> None:
    entities = load_profile("librechat")

    tables = {entity.table for entity in entities.values()}
    assert len(entities) == 47
    assert {
        "users",
        "messages",
        "conversation_tags",
        "acl_entries",
        "openid_refresh_flights",
    } < tables
    assert all(entity.about for entity in entities.values())
