"""The commands `getMore` and `killCursors`."""

from typing import Any

from proxy.serving.asked import Asked
from proxy.serving.cursors import Cursors
from proxy.serving.operations import transaction_of
from proxy.serving.refusals import FAILED_TO_PARSE, RefusalError


def more_of(cursors: Cursors, asked: Asked) -> dict[str, Any]:
    """Return the reply with the next batch of a cursor."""
    command = asked.command
    size = command.get("batchSize")
    return cursors.more(
        int(command["getMore"]),
        namespace=asked.request.namespace,
        owner=asked.owner,
        size=None if size is None else int(size),
        transaction=transaction_of(asked),
    )


def killed_of(cursors: Cursors, asked: Asked) -> dict[str, Any]:
    """Return the reply that tells which cursors were closed."""
    named = asked.command.get("cursors")
    if not isinstance(named, list):
        raise RefusalError(FAILED_TO_PARSE, "Field 'cursors' must be of type array")
    return cursors.kill(map(int, named), namespace=asked.request.namespace, user=asked.client.user)
