"""Who asks for what, as far as flags may depend on it."""

from typing import NamedTuple


class Asking(NamedTuple):
    """Who asks for what: the evaluation context of a flag.

    The session is the targeting key, the connection where there is none: percentages are of them, so that one always meets the same side.
    """

    namespace: str
    kind: str
    """The command's name."""
    connection: int
    client: str
    """Its address, `host:port`."""
    application: str
    """What the driver calls the application; empty for one without a name."""
    user: str = ""
    """Of the database, empty where nobody has logged in by SCRAM."""
    session: str = ""
    """Its number in hexadecimal digits, empty for a command without one, or where no flag asks."""
    shape: str = ""
    """The operation without its values, empty where no flag asks."""
