"""How the command line ends, in this process: nothing here reaches a loop or a database."""

from importlib.metadata import version

import pytest

from comparators.errors import CapacityError, ParallaxError, RefusedError, SettingsError
from proxy.cli import options
from proxy.cli.entry import run

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["serve", "--nonsense"], "No such option: --nonsense"),
        (["serve", "more"], "unexpected extra argument"),
        (["status", "--data"], "requires an argument"),
        (["report", "--since", "yesterday"], "--since"),
    ],
)
def test_wrong_usage_ends_with_64_and_says_what_is_wrong(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(arguments)

    printed = capsys.readouterr()
    assert code == 64
    assert printed.out == ""
    assert printed.err.startswith("Usage: parallax")
    assert complaint in printed.err
    assert "Traceback" not in printed.err


def test_no_command_shows_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 64

    shown = capsys.readouterr().err
    for command in ("serve", "verify", "status", "report", "doctor", "demo"):
        assert f"\n  {command} " in shown


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["--version"]])
def test_being_asked_is_no_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0

    shown = capsys.readouterr().out
    assert "Usage: parallax" in shown or shown == f"parallax {version('parallax')}\n"


@pytest.mark.parametrize("grouped", [False, True], ids=["bare", "in task groups"])
@pytest.mark.parametrize("kind", [SettingsError, RefusedError, CapacityError])
def test_a_foreseen_error_is_three_lines_and_its_exit_code(
    kind: type[ParallaxError],
    grouped: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    error: Exception = kind("it is so", where="here", remedy="do that")
    if grouped:
        error = ExceptionGroup("outer", [ExceptionGroup("inner", [error])])
    fail_with(monkeypatch, error)

    assert run(["doctor"]) == kind.exit_code

    lines = capsys.readouterr().err.splitlines()
    assert lines == ["error: it is so", "  where: here", "  remedy: do that"]


@pytest.mark.parametrize("grouped", [False, True], ids=["bare", "in a task group"])
def test_a_bug_is_told_by_its_frames_without_values(
    grouped: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bug = KeyError(SECRET)
    fail_with(monkeypatch, ExceptionGroup(SECRET, [bug]) if grouped else bug)

    code = run(["doctor", "--legacy", f"mongodb://user:{SECRET}@host/"])

    printed = capsys.readouterr()
    assert code == 70
    assert printed.out == ""
    assert "bug" in printed.err
    assert "KeyError" in printed.err
    assert "test_entry.py" in printed.err
    assert SECRET not in printed.err


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, KeyboardInterrupt())

    assert run(["doctor"]) == 130


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let the first thing that the doctor does fail."""

    def settings_of(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(options, "settings_of", settings_of)
