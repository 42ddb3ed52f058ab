"""The command line; it alone puts the parts of Parallax together."""

from proxy.cli.entry import main

__all__ = ["main"]
