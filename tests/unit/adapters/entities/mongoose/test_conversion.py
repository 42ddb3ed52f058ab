import shutil
from pathlib import Path

import pytest

from adapters.entities.mongoose.conversion import entities_of
from adapters.entities.mongoose.models import read_models
from adapters.entities.mongoose.overlay import Overlay, read_overlay
from comparators.errors import SettingsError
from proxy.cli.entry import run

HERE = Path(__file__).parent
MODELS = HERE / "shop.models.json"


def test_the_maps_of_the_models_are_those_that_are_kept(tmp_path: Path) -> None:
    shutil.copy(HERE / "shop.overlay.toml", tmp_path)

    code = run(["map", "from-mongoose", str(MODELS), "--out", str(tmp_path / "shop")])

    assert code == 0
    made = {path.name: path.read_text() for path in (tmp_path / "shop").iterdir()}
    assert made == {path.name: path.read_text() for path in (HERE / "shop").iterdir()}


def test_without_an_overlay_a_name_that_is_taken_stays_as_it_is() -> None:
    customers = next(entities_of(read_models(MODELS), {}))

    names = {column.path: column.name for column in customers.columns}
    assert names[("topP",)] == "top_p"
    assert names[("top_p",)] == "top_p_2"


def test_maps_that_are_left_over_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "old.toml").touch()

    run(["map", "from-mongoose", str(MODELS), "--out", str(tmp_path)])

    assert f"not from these models: {tmp_path / 'old.toml'}" in capsys.readouterr().out


def test_an_overlay_for_an_unknown_collection_is_refused() -> None:
    with pytest.raises(SettingsError, match="nothing"):
        list(entities_of(read_models(MODELS), {"nothing": Overlay()}))


@pytest.mark.parametrize(
    ("text", "what"),
    [("[customers]\ntabel = 'x'\n", "customers.tabel"), ("[customers\n", "cannot be read")],
)
def test_a_wrong_overlay_is_named(tmp_path: Path, text: str, what: str) -> None:
    file = tmp_path / "shop.overlay.toml"
    file.write_text(text)

    with pytest.raises(SettingsError, match=what) as error:
        read_overlay(file)

    assert error.value.where == str(file)


@pytest.mark.parametrize("text", ["{", "[]", '{"models": [{"model": "A"}]}'])
def test_a_file_without_models_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "models.json"
    file.write_text(text)

    with pytest.raises(SettingsError) as error:
        read_models(file)

    assert error.value.where == str(file)
