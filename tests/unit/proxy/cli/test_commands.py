import subprocess
import sys

import pytest
import typer

from proxy.cli.commands import COMMANDS, asked_for

OF_THE_VERIFIER = ("asyncpg", "sqlalchemy", "alembic", "deepdiff", "proxy.shadow", "adapters")


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a fresh Python holds after a statement."""
    program = f"{statement}\nimport sys\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_their_own_help_says(name: str) -> None:
    loaded = COMMANDS[name].load()
    documented = loaded.info.help if isinstance(loaded, typer.Typer) else loaded.__doc__

    assert (documented or "").partition("\n")[0] == COMMANDS[name].summary


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["serve", "--no-verifier"], "serve"),
        (["--version"], None),
        ([], None),
        (["nope", "serve"], None),
    ],
)
def test_a_command_is_the_first_word(arguments: list[str], command: str | None) -> None:
    assert asked_for(arguments) == command


def test_the_relay_loads_nothing_of_the_verifier() -> None:
    loaded = loaded_by("from proxy.cli.commands import COMMANDS; COMMANDS['serve'].load()")

    assert "proxy.wire.relay" in loaded
    assert loaded.isdisjoint(OF_THE_VERIFIER)


def test_the_help_loads_no_driver() -> None:
    loaded = loaded_by("from proxy.cli.entry import application; application(['--help'])")

    assert "proxy.cli.entry" in loaded
    assert loaded.isdisjoint({*OF_THE_VERIFIER, "pymongo"})
