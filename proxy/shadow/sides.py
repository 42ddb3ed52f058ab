"""Both sides as the verifier reaches them, and its place between them."""

from dataclasses import dataclass

from adapters.gateway import Gateway
from proxy.shadow.legacy import Legacy
from proxy.shadow.patience import Outage
from proxy.shadow.quiet import Quiet
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
