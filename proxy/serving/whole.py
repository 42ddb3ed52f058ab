"""Results that are given out whole where that can be, for a relay that has MongoDB's answer as well."""

from typing import Any

from proxy.serving.cursors import MOST_BATCH_BYTES, NO_CURSOR, Cursors, Owner
from proxy.serving.replies import batch


class WholeResults:
    """Stands before `Cursors`: where nobody asked for a size, the first batch may hold everything, and nobody has to come back."""

    def __init__(self, cursors: Cursors) -> None:
        self._cursors = cursors

    def first(
        self,
        documents: tuple[bytes, ...],
        *,
        namespace: str,
        owner: Owner,
        size: int | None,
        single: bool,
        transaction: tuple[bytes, int] | None,
    ) -> dict[str, Any]:
        """Return the reply with all documents, or with the first ones and a cursor."""
        if size is None and sum(map(len, documents)) <= MOST_BATCH_BYTES:
            return batch("firstBatch", documents, NO_CURSOR, namespace)
        return self._cursors.first(
            documents,
            namespace=namespace,
            owner=owner,
            size=size,
            single=single,
            transaction=transaction,
        )
