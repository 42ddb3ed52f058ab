"""Who asks for something that goes on the ledger, and why."""

import getpass
from typing import Annotated

import typer

Who = Annotated[
    str | None,
    typer.Option("--who", help="Who asks for it, for the ledger (else the user of this machine)."),
]


def name_of(who: str | None) -> str:
    """Return who asks."""
    return who or getpass.getuser()
