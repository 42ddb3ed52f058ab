"""The command line; it alone puts the parts of Parallax together."""

import sys

from proxy.cli.collection import postpone_garbage_collection

__all__ = ["main"]


def main() -> None:
    """Run the command line and end the process with its exit code."""
    postpone_garbage_collection()
    # Only now: what it loads is loaded without looking for garbage.
    from proxy.cli.entry import run

    sys.exit(run(sys.argv[1:]))
