"""The commands by name. Only the one that is asked for is loaded.

All of them together bring every library there is: the relay would hold the verifier's, and `parallax --help` would take seconds.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final, NamedTuple


class Command(NamedTuple):
    """Where a command or a group of commands lives, and the first sentence of its help."""

    module: str
    function: str
    summary: str

    def load(self) -> Callable[..., Any]:
        """Return the function, or the group as `typer.Typer`; all that it needs is imported now."""
        loaded: Callable[..., Any] = getattr(import_module(self.module), self.function)
        return loaded


COMMANDS: Final[Mapping[str, Command]] = {
    "serve": Command(
        "proxy.cli.serve",
        "serve",
        "Stand between application and MongoDB, capture every operation, and verify it.",
    ),
    "gateway": Command(
        "proxy.cli.gateway",
        "GATEWAY",
        "Answer MongoDB's drivers from PostgreSQL alone, without MongoDB.",
    ),
    "http": Command(
        "proxy.cli.http",
        "HTTP",
        "Serve documents over HTTP, from either database.",
    ),
    "verify": Command(
        "proxy.cli.verify",
        "verify",
        "Repeat what the capture log holds on the gateway, compare, and write the ledger.",
    ),
    "status": Command(
        "proxy.cli.status",
        "status",
        "Show verdicts, lag and latency; with --health, end with 0 when the relay answers.",
    ),
    "report": Command(
        "proxy.cli.report",
        "report",
        "Write the report; ends with 0 for pass, 1 for fail, 2 for inconclusive.",
    ),
    "dashboard": Command(
        "proxy.cli.dashboard",
        "dashboard",
        "Serve a page that shows the evidence as it grows.",
    ),
    "doctor": Command(
        "proxy.cli.doctor",
        "doctor",
        "Check both databases and this machine; ends with 1 when something keeps Parallax from working.",
    ),
    "map": Command(
        "proxy.cli.map",
        "MAP",
        "Make entity maps, hold them against data, and show what they do.",
    ),
    "schema": Command(
        "proxy.cli.schema",
        "SCHEMA",
        "Show and make the tables of mapped collections, while they are used.",
    ),
    "capture": Command(
        "proxy.cli.capture",
        "CAPTURE",
        "Look into a capture log, and copy parts of it.",
    ),
    "replay": Command(
        "proxy.cli.replay",
        "replay",
        "Run a captured log against a gateway; ends as `report` does.",
    ),
    "sweep": Command(
        "proxy.cli.sweep",
        "sweep",
        "Prove that whole collections are equal on both sides; ends with 1 when documents differ.",
    ),
    "repair": Command(
        "proxy.cli.repair",
        "repair",
        "Copy documents that differ from one side to the other.",
    ),
    "flags": Command(
        "proxy.cli.flags",
        "FLAGS",
        "Show and change what is done with each collection.",
    ),
    "rollout": Command(
        "proxy.cli.rollout",
        "rollout",
        "Move a collection to the gateway step by step, on evidence; with --once, ends with 1 after a roll-back.",
    ),
    "mirror": Command(
        "proxy.cli.mirror",
        "MIRROR",
        "Keep MongoDB current after the cut-over, or no longer.",
    ),
    "backfill": Command(
        "proxy.cli.backfill",
        "backfill",
        "Copy existing documents to the gateway while the application writes; ends with 1 when an index is missing.",
    ),
    "bench": Command(
        "proxy.cli.bench.command",
        "bench",
        "Measure how long the same operations take on each way to the data, and what they cost.",
    ),
    "adapters": Command(
        "proxy.cli.adapters",
        "ADAPTERS",
        "Show the adapters there are, try one on a server, and which would suit.",
    ),
    "compose": Command(
        "proxy.cli.compose",
        "compose",
        "Write a compose file for the servers of the adapters that are named.",
    ),
    "demo": Command(
        "proxy.cli.demo.command",
        "demo",
        "Prove it on this machine: both databases, the sidecar, traffic, verification, a report.",
    ),
}


def asked_for(arguments: Sequence[str]) -> str | None:
    """Return the command that arguments name; None for none, or an unknown one."""
    first = next((argument for argument in arguments if not argument.startswith("-")), None)
    return first if first in COMMANDS else None
