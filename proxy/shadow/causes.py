"""Why a document differs, as far as the log tells: the phrase that is entered with it.

What the log wrote to a document was compared right after it. So one that a sweep finds was equal since the last operation that touched it, and
was changed round the proxy; unless the log has lost writes of its collection, or their comparisons had to be let go.
"""

from dataclasses import dataclass
from typing import Final

from proxy.shadow.evidence import STATES_DIFFER


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A cause by where the document is: on both sides, or on one alone."""

    both: str
    only_legacy: str
    only_gateway: str

    def of(self, legacy: bytes | None, gateway: bytes | None) -> str:
        """Return the phrase for a document that is so on the two sides."""
        if gateway is None:
            return self.only_legacy
        return self.only_gateway if legacy is None else self.both


def _always(phrase: str) -> Cause:
    return Cause(both=phrase, only_legacy=phrase, only_gateway=phrase)


AFTER_A_WRITE: Final = _always(STATES_DIFFER)
ROUND_THE_PROXY: Final = Cause(
    both="found by a sweep: written round the proxy, as nothing on the log has touched it since both sides were equal",
    only_legacy="found by a sweep: only MongoDB has it, inserted there or deleted on the gateway round the proxy, or never copied",
    only_gateway="found by a sweep: only the gateway has it, deleted on MongoDB or inserted on the gateway round the proxy",
)
PERHAPS_LOST: Final = _always(
    "found by a sweep: written round the proxy, or by a write of its collection that the log has lost"
)
