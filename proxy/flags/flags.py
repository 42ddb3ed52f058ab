"""What the flags say, asked through OpenFeature. Whatever goes wrong in there, the answer is `shadow`."""

import asyncio
from collections.abc import Callable
from itertools import count
from types import TracebackType
from typing import Final, Self

import structlog
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode
from openfeature.provider import FeatureProvider
from openfeature.provider.no_op_provider import NoOpProvider

from proxy.flags.asking import Asking
from proxy.flags.brake import Brake
from proxy.flags.dependence import VARIABLES, Dependence, Mentions
from proxy.flags.document import key_of
from proxy.flags.phases import Direction, Phase, not_built
from proxy.flags.shapes import shape_in

_log = structlog.get_logger()
_domains = count(1)


class Flags:
    """Flags from a provider, for as long as this is entered, inside of a running loop."""

    def __init__(self, provider: FeatureProvider, brake: Brake | None = None) -> None:
        """`brake` holds back what a provider says that is not the flags file; None for that one."""
        self._provider = provider
        self._brake = brake
        self._domain = f"parallax-{next(_domains)}"
        self._on_change: Callable[[], None] = _nothing
        self._told: set[str] = set()
        """What was complained of since the last change, each once."""

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        api.set_provider_and_wait(self._provider, self._domain)
        self._client = api.get_client(self._domain)
        self._client.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, self._heard)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.remove_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, self._heard)
        api.set_provider_and_wait(NoOpProvider(), self._domain)

    def on_change(self, told: Callable[[], None]) -> None:
        """Have somebody told, in the loop, whenever answers may be others than before."""
        self._on_change = told

    def phase(self, direction: Direction, asking: Asking) -> Phase:
        """Return the phase that holds for who asks; about 40 µs, so the caller keeps it until the next change."""
        namespace = asking.namespace
        if self._brake is not None and self._brake.is_on(direction, namespace):
            return Phase.SHADOW
        phase = self._said(direction, asking)
        if self._brake is None or self._brake.lets(direction, namespace, phase):
            return phase
        return Phase.SHADOW

    def _said(self, direction: Direction, asking: Asking) -> Phase:
        namespace = asking.namespace
        context = EvaluationContext(
            targeting_key=asking.session or str(asking.connection),
            attributes={
                "collection": namespace,
                "kind": asking.kind,
                "shape": asking.shape,
                "client": asking.client,
                "application": asking.application,
                "user": asking.user,
                "session": asking.session,
            },
        )
        for key in (key_of(direction, namespace), direction.value):
            details = self._client.get_string_details(key, Phase.SHADOW.value, context)
            if details.error_code is ErrorCode.FLAG_NOT_FOUND:
                continue
            if details.error_code is ErrorCode.PROVIDER_NOT_READY:
                # The provider has told why.
                return Phase.SHADOW
            if details.error_code is not None:
                self._complain(key, details.error_message or details.error_code.value)
                return Phase.SHADOW
            return self._built(key, direction, details.value)
        return Phase.SHADOW

    def depends(self, direction: Direction, namespace: str) -> Dependence:
        """Return what else than the connection the phase of a collection's operations depends on."""
        mentions = getattr(self._provider, "mentions", None)
        if mentions is None:
            # Of another provider nobody knows what it looks at.
            return Dependence.of(VARIABLES)
        own: Mentions = mentions(key_of(direction, namespace))
        return Dependence.of(mentions(direction.value) if own is None else own)

    def ask_again(self) -> None:
        """Have everybody ask again: of another provider nobody knows whether it says something else by now."""
        self._on_change()

    def shape_in(self, message: bytes) -> str:
        """Return the shape of an operation."""
        return shape_in(message)

    def cut_over(self) -> bool | None:
        """Return whether the defaults ask for the cut-over of everything, None where they do not say one or the other."""
        if self._brake is not None:
            # Of what goes with a cut-over another provider knows nothing: neither side is to be left because of it.
            return None
        found = {self._default(direction) for direction in Direction}
        if found == {Phase.CUTOVER.value}:
            return True
        return None if found & {None, Phase.CUTOVER.value} else False

    def _default(self, direction: Direction) -> str | None:
        # A key, for flagd complains in plain text of percentages without one.
        everybody = EvaluationContext(targeting_key=direction.value)
        details = self._client.get_string_details(direction.value, "", everybody)
        return details.value if details.error_code is None else None

    def _built(self, key: str, direction: Direction, value: str) -> Phase:
        if value == Phase.CUTOVER and key == direction.value and self._brake is None:
            # Until everybody has crossed, and on the way back.
            value = Phase.GATEWAY.value
        try:
            phase = Phase(value)
        except ValueError:
            self._complain(key, f"{value!r} is no phase")
            return Phase.SHADOW
        reason = not_built(direction, phase)
        if reason is not None:
            self._complain(key, reason)
            return Phase.SHADOW
        return phase

    def _complain(self, key: str, error: str) -> None:
        if key not in self._told:
            self._told.add(key)
            _log.error("flag_failed", flag=key, error=error, remedy=_REMEDY)

    def _heard(self, _: EventDetails) -> None:
        """Take an event, which OpenFeature tells in a thread of its own, to where everything else happens."""
        self._loop.call_soon_threadsafe(self._changed)

    def _changed(self) -> None:
        self._told.clear()
        self._on_change()


_REMEDY: Final = "correct the flag: until then its collections are in `shadow`"


def _nothing() -> None:
    """Be told."""
