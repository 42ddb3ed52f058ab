"""Tell of the comparisons of stored documents after writes: in the trace of the write, all its documents of one verdict as one span.

They are told of where the write is, and where documents differ. What somebody asked to be compared is told of by its order.
"""

import secrets
import time
from collections.abc import Callable
from typing import Final

from comparators.operation import Kind
from comparators.verdict import Judgement, Verdict
from proxy.shadow.traced_writes import TracedWrite
from proxy.tracing.stint import Fact, Role, Stint
from proxy.tracing.stints import named_for
from proxy.tracing.trail import AGAINST, Ids, ids_of

_SPAN_BITS: Final = 64


class _Span:
    """One that grows: `documents` of one write and one verdict, since the evidence was taken last."""

    def __init__(self, ids: Ids, stint: Stint) -> None:
        self.ids = ids
        self.documents = 0
        self.ended_ns = stint.began_ns
        self._stint = stint

    def told(self) -> Stint:
        """Return it as it is told of."""
        facts = {**self._stint.facts, "parallax.documents": self.documents}
        return self._stint._replace(ended_ns=self.ended_ns, facts=facts)


class StateTraces:
    """One per log. `put` takes what is told of, and never waits."""

    def __init__(self, log: str, put: Callable[[Stint], None]) -> None:
        self._log = log
        self._put = put
        self._open: dict[tuple[str, int, Verdict], _Span] = {}

    def compared(
        self,
        namespace: str,
        position: int,
        judgement: Judgement,
        writer: TracedWrite | None,
        began_ns: int,
    ) -> Ids | None:
        """Tell of a document, if it is one to be told of; return the numbers that its verdict has in the trace.

        `writer` is what wrote at the position, None where that is forgotten.
        """
        is_wrong = judgement.verdict in AGAINST
        if not is_wrong and (writer is None or writer.trace is None):
            return None
        key = namespace, position, judgement.verdict
        span = self._open.get(key)
        if span is None:
            span = self._open[key] = self._begun(namespace, position, judgement, writer, began_ns)
        span.documents += 1
        span.ended_ns = time.time_ns()
        return span.ids

    def flush(self) -> None:
        """Tell of what was compared so far."""
        if self._open:
            for span in self._open.values():
                self._put(span.told())
            self._open.clear()

    def _begun(
        self,
        namespace: str,
        position: int,
        judgement: Judgement,
        writer: TracedWrite | None,
        began_ns: int,
    ) -> _Span:
        above = None if writer is None else writer.parent
        trace = None if writer is None else writer.trace
        parent, is_remote = 0, False
        if trace is not None:
            parent = trace.legacy
        elif above is not None:
            parent, is_remote = above.span_id, True
        ids = trace or ids_of(self._log, position, above)
        # A document may be compared again: that is another span, and not the same one once more.
        ids = ids._replace(comparison=secrets.randbits(_SPAN_BITS))
        name, about = named_for(f"comparison {Kind.STATE}", namespace)
        facts: dict[str, Fact] = {
            **about,
            "db.operation.name": Kind.STATE.value,
            "parallax.verdict": judgement.verdict.value,
            "parallax.position": position,
        }
        if judgement.reason is not None:
            facts["parallax.reason"] = judgement.reason
        if judgement.fingerprint is not None:
            facts["parallax.fingerprint"] = judgement.fingerprint
        stint = Stint(
            trace_id=ids.trace,
            span_id=ids.comparison,
            parent=parent,
            is_remote=is_remote,
            name=name,
            role=Role.INTERNAL,
            began_ns=began_ns,
            ended_ns=began_ns,
            facts=facts,
            error=judgement.verdict.value if judgement.verdict in AGAINST else None,
        )
        return _Span(ids, stint)
