"""Results that are given out whole, or not at all."""

from typing import Any, Final

from proxy.serving.cursors import MOST_BATCH_BYTES, NO_CURSOR, Owner
from proxy.serving.refusals import EXCEEDED_MEMORY_LIMIT, RefusalError
from proxy.serving.replies import batch

TOO_MANY: Final = "the result does not fit into one batch"


class WholeResults:
    """Stands where `Cursors` do, and never leaves one open: nobody has to come back to a process that may be gone by then."""

    def first(
        self,
        documents: tuple[bytes, ...],
        *,
        namespace: str,
        owner: Owner,  # noqa: ARG002 - as cursors ask
        size: int | None,
        single: bool,
        transaction: tuple[bytes, int] | None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return the reply with all documents; where nobody asked for a size the first batch may have any."""
        given = documents if size is None else documents[:size]
        if len(given) < len(documents) and not single:
            raise RefusalError(EXCEEDED_MEMORY_LIMIT, TOO_MANY)
        if sum(map(len, given)) > MOST_BATCH_BYTES:
            raise RefusalError(EXCEEDED_MEMORY_LIMIT, TOO_MANY)
        return batch("firstBatch", given, NO_CURSOR, namespace)
