"""Who asks for what, as far as flags may depend on it."""

from typing import NamedTuple


class Asking(NamedTuple):
    """Who asks for what: the evaluation context of a flag.

    `connection` is the targeting key: percentages are of connections, so that one always meets the same side.
    """

    namespace: str
    kind: str
    """The command's name."""
    connection: int
    client: str
    """Its address, `host:port`."""
    application: str
    """What the driver calls the application; empty for one without a name."""
