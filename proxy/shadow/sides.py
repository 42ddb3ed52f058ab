"""Both sides as the verifier reaches them, and its place between them."""

from dataclasses import dataclass
from typing import Any

from adapters.gateway import Gateway
from proxy.shadow.legacy import Legacy
from proxy.shadow.patience import Outage
from proxy.shadow.peers import Peers
from proxy.shadow.quiet import Quiet, Reading
from proxy.shadow.runner import Runner
from proxy.shadow.touches import Touches


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sides:
    """What state checks, rechecks and reconciliation work with."""

    gateway: Gateway
    gateway_outage: Outage
    legacy: Legacy
    legacy_outage: Outage
    quiet: Quiet
    runner: Runner
    touches: Touches
    peers: Peers

    def moved(self, namespace: str, key: bytes, reading: Reading[Any]) -> bool:
        """Return whether a document may have been written since a reading was begun; ask while all stand."""
        # The record that stands exactly at what was the end has come since.
        return self.touches.since(namespace, key, reading.before - 1) or self.peers.moved(
            namespace, key, reading.clock
        )

    def any_moved(self, namespace: str, reading: Reading[Any]) -> bool:
        """Return whether any document of a collection may have been written since a reading was begun."""
        return self.touches.any_since(namespace, reading.before - 1) or self.peers.any_moved(
            namespace, reading.clock
        )
