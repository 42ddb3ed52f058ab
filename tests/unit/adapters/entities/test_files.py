from pathlib import Path

import pytest

from adapters.entities.files import read_map, toml_of
from comparators.errors import SettingsError
from tests.unit.adapters.entities.test_notation import ENTITY

HEAD = """\
collection = "things"
table = "things"

[id]
type = "objectid"

"""


def test_a_map_comes_back_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "orders.toml"
    file.write_text(toml_of(ENTITY))

    assert read_map(file)[0] == ENTITY


def test_a_column_is_a_line() -> None:
    assert 'tags         = { path = "tags", type = "text[]" }' in toml_of(ENTITY).splitlines()


def test_comments_stand_above_their_key(tmp_path: Path) -> None:
    file = tmp_path / "orders.toml"
    text = toml_of(
        ENTITY,
        {
            (): ["one"],
            ("id",): ["two"],
            ("columns", "code"): ["three", "four"],
            ("indexes", 1): ["five"],
        },
    )
    file.write_text(text)

    lines = text.splitlines()
    assert lines[0] == "# one"
    assert lines[lines.index("[id]") + 1] == "# two"
    assert lines[lines.index("# four") - 1] == "# three"
    assert lines[lines.index("# four") + 1].startswith("code ")
    assert lines[lines.index("# five") - 1] == "[[indexes]]"
    assert read_map(file)[0] == ENTITY


@pytest.mark.parametrize(
    ("rest", "line"),
    [
        ('[columns]\na = { path = "a", type = "string" }\n', 8),
        ('[columns.a]\npath = "a"\ntype = "string"\n', 9),
        ('[columns]\n"a" = { path = "a", typ = "text" }\n', 8),
        ('[columns]\na.path = "a"\na.type = "string"\n', 9),
        ('[columns.a]\ntype = "text"\n', 7),
        ("[[indexes]]\nkey = {}\n[[indexes]]\nkey = { b = 1 }\n", 7),
        ("[columns\n", 7),
    ],
)
def test_a_wrong_map_names_file_and_line(tmp_path: Path, rest: str, line: int) -> None:
    file = tmp_path / "things.toml"
    file.write_text(HEAD + rest)

    with pytest.raises(SettingsError) as error:
        read_map(file)

    assert error.value.where == f"{file}:{line}"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        read_map(tmp_path / "none.toml")

    assert error.value.where == str(tmp_path / "none.toml")


def test_odd_names_and_texts_are_quoted(tmp_path: Path) -> None:
    file = tmp_path / "odd.toml"
    file.write_text(
        HEAD.replace("things", 'od\\"d\\u007f', 1)
        + '[columns]\n"a b" = { path = "a b", type = "text" }\n'
    )
    entity, _place = read_map(file)

    file.write_text(toml_of(entity))

    assert entity.collection == 'od"d\x7f'
    assert read_map(file)[0] == entity
