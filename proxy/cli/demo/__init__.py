"""`parallax demo`: the whole thing on throw-away databases, in one command."""

from proxy.cli.demo.command import demo

__all__ = ["demo"]
