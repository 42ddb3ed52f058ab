from pathlib import Path

import pytest

from comparators.errors import SettingsError
from proxy import settings
from proxy.settings import Settings, load

PASSWORD = "hunter2"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start from a folder without a settings file; no test inherits a variable of the machine."""
    for name in (*settings.names(), "config"):
        monkeypatch.delenv(settings.variable_of(name), raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "given.toml"


def test_without_any_source_the_defaults_hold() -> None:
    assert load() == Settings()


def test_the_file_overrules_the_default(file: Path) -> None:
    file.write_text('[listen]\naddress = "127.0.0.1:1111"\n')

    assert load(file).listen.address == "127.0.0.1:1111"


def test_the_environment_overrules_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("[listen]\nmax_connections = 1\naddress = '127.0.0.1:1111'\n")
    monkeypatch.setenv("PARALLAX_LISTEN_MAX_CONNECTIONS", "2")

    loaded = load(file)

    assert loaded.listen.max_connections == 2
    assert loaded.listen.address == "127.0.0.1:1111"


def test_a_flag_overrules_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARALLAX_LISTEN_ADDRESS", "127.0.0.1:2222")

    assert load(flags={"listen.address": "127.0.0.1:3333"}).listen.address == "127.0.0.1:3333"


def test_a_flag_that_was_not_given_overrules_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARALLAX_LISTEN_ADDRESS", "127.0.0.1:2222")

    assert load(flags={"listen.address": None}).listen.address == "127.0.0.1:2222"


def test_the_variable_names_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("[capture]\nkeep = true\n")
    monkeypatch.setenv("PARALLAX_CONFIG", str(file))

    assert load().capture.keep


def test_the_file_of_the_current_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "parallax.toml").write_text("[verifier]\nnice = 3\n")

    assert load().verifier.nice == 3


def test_log_and_ledger_lie_below_the_data_directory_unless_set() -> None:
    below = load(flags={"data.directory": "/var/parallax"})
    apart = load(flags={"data.directory": "/var/parallax", "ledger.uri": "sqlite:////x.db"})

    assert below.capture_directory == Path("/var/parallax/capture")
    assert below.ledger_uri == "sqlite:////var/parallax/ledger.db"
    assert apart.ledger_uri == "sqlite:////x.db"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[listen]\n\nmax_connections = 0\n", 3, "greater than 0"),
        ("[listen]\nmax_connections = 'many'\n", 2, "valid integer"),
        ("[listen]\naddress = 'localhost'\n", 2, "host:port"),
        ("[listen]\naddress = 'localhost:70000'\n", 2, "host:port"),
        ("[listen]\nadress = 'x:1'\n", 2, "no setting `listen.adress`"),
        ("[lisen]\naddress = 'x:1'\n", 2, "no setting `lisen`"),
        ("# a comment\nlisten = 3\n", 2, "valid dictionary"),
        ("[legacy]\nuri = 'postgresql://x/'\n", 2, "must begin with mongodb://"),
        ("[gateway]\nuri = 'mongodb://x/'\n", 2, "must begin with postgresql://"),
        ("[ledger]\nuri = 'mysql://x/'\n", 2, "must begin with sqlite://"),
        ("[capture]\nsegment_bytes = 12\n", 2, "greater than or equal to 1048576"),
        ("[capture]\nsegment_bytes = 4194304\nmax_bytes = 16777215\n", 2, "at least 4 times"),
        ("[capture]\nkeep = 'perhaps'\n", 2, "valid boolean"),
        ("[verifier]\nconcurrency = 0\n", 2, "greater than or equal to 1"),
        ("[verifier]\nnice = 20\n", 2, "less than or equal to 19"),
        ("[verifier]\ngateway_timeout_s = -1\n", 2, "greater than 0"),
        ("[log]\nlevel = 'loud'\n", 2, "'debug', 'info', 'warning' or 'error'"),
        ("[data]\ndirectory = ''\n", 2, "at least 1 character"),
        ("[log]\nlevel = info\n", 2, "not TOML"),
    ],
)
def test_a_wrong_line_is_told_with_its_number(file: Path, text: str, line: int, said: str) -> None:
    file.write_text(text)

    with pytest.raises(SettingsError) as refused:
        load(file)

    assert refused.value.where == f"{file}:{line}"
    assert said in refused.value.what
    assert refused.value.remedy
    assert refused.value.exit_code == 78


def test_a_wrong_variable_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARALLAX_VERIFIER_NICE", "very")

    with pytest.raises(SettingsError, match="valid integer") as refused:
        load()

    assert refused.value.where == "PARALLAX_VERIFIER_NICE"


def test_an_unknown_variable_is_told_with_the_nearest_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PARALLAX_LEGACY_URL", "mongodb://x/")

    with pytest.raises(SettingsError) as refused:
        load()

    assert refused.value.where == "PARALLAX_LEGACY_URL"
    assert "PARALLAX_LEGACY_URI" in refused.value.remedy


def test_a_wrong_flag_is_told_by_name() -> None:
    with pytest.raises(SettingsError) as refused:
        load(flags={"listen.address": "nowhere"})

    assert refused.value.where == "--listen"


def test_a_named_file_must_exist(file: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load(file)

    assert refused.value.where == "--config"


def test_a_file_that_is_not_text_is_told(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")

    with pytest.raises(SettingsError) as refused:
        load(file)

    assert refused.value.where == str(file)


@pytest.mark.parametrize("name", ["legacy.uri", "gateway.uri"])
def test_a_missing_database_is_told_with_all_ways_to_set_it(name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load().demand("legacy.uri" if name == "legacy.uri" else "gateway.uri")

    assert refused.value.where == name
    assert settings.FLAGS[name] in refused.value.remedy
    assert settings.variable_of(name) in refused.value.remedy


@pytest.mark.parametrize("section", ["legacy", "gateway", "ledger"])
def test_no_error_and_no_repr_shows_a_password(section: str, file: Path) -> None:
    schemes = {"legacy": "mongodb", "gateway": "postgresql", "ledger": "postgresql"}
    right = load(flags={f"{section}.uri": f"{schemes[section]}://u:{PASSWORD}@h/"})
    file.write_text(f"[{section}]\nuri = 'wrong://u:{PASSWORD}@h/'\n")

    with pytest.raises(SettingsError) as refused:
        load(file)

    assert PASSWORD not in repr(right)
    assert PASSWORD not in str(refused.value)
    assert refused.value.__cause__ is None


def test_every_flag_belongs_to_a_setting() -> None:
    assert set(settings.FLAGS) <= set(settings.names())
