"""The one list of commands that are never captured, because they or their replies carry credentials.

`hello` is not on it: it may carry `speculativeAuthenticate`, but no `hello` is ever captured, whatever it carries.
Sources: MongoDB specifications, "Command Logging and Monitoring", section "Security"; mongod's own list of
commands whose parameters it masks in its log.
"""

from typing import Final

NEVER_CAPTURED: Final = frozenset(
    {
        b"_mergeauthzcollections",
        b"authenticate",
        b"copydb",
        b"copydbgetnonce",
        b"copydbsaslstart",
        b"createuser",
        b"getnonce",
        b"logout",
        b"saslcontinue",
        b"saslstart",
        b"setclusterparameter",
        b"setparameter",
        b"updateuser",
        b"usersinfo",
    }
)
"""In lower case: mongod knows some commands by several spellings."""


def is_secret(command: bytes) -> bool:
    """Return whether nothing of this command, nor of its reply, may reach the log."""
    return command.lower() in NEVER_CAPTURED
