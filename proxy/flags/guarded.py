"""Somebody else's OpenFeature provider, kept in a thread of its own: it may fail, raise and hang, and the relay goes on.

It is made, asked and shut down there. The loop waits a moment for an answer and no longer; one that is late leaves the provider alone for
a while. Whatever is no answer is an error to whoever asks, who takes it for `shadow`.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from itertools import count
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, Final, Never

import structlog
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent, ProviderEventDetails
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagEvaluationDetails, FlagResolutionDetails, FlagValueType
from openfeature.provider import AbstractProvider
from openfeature.provider.metadata import Metadata
from openfeature.provider.no_op_provider import NoOpProvider

from proxy.flags.named import SETTING, Factory

_log = structlog.get_logger()
_domains = count(1)

ANSWERS_WITHIN_S: Final = 0.25
STARTS_WITHIN_S: Final = 1.0
REFRESH_EVERY_S: Final = 5.0
"""So often it is asked anew, for a provider need not tell of changes; and so long one rests that was late."""
WAITS_AT_MOST_S: Final = 0.5
"""Of each such stretch, for all answers together."""
AGAIN_S: Final = 10.0
"""Until a provider that could not be made is made again."""
_REMEDY: Final = f"mend the provider of `{SETTING}`: until then everything is in `shadow`"

Doing = Callable[[], FlagEvaluationDetails[str]]


class GuardedProvider(AbstractProvider):
    """Answers what another provider answers, if it does so soon."""

    def __init__(self, name: str, factory: Factory) -> None:
        super().__init__()
        self._name = name
        self._factory = factory
        self._domain = f"parallax-provider-{next(_domains)}"
        self._client: OpenFeatureClient | None = None
        """None while there is no provider."""
        self._queue: SimpleQueue[tuple[Doing, Future[FlagEvaluationDetails[str]]] | None] = (
            SimpleQueue()
        )
        self._tried = Event()
        """Set once the provider was made, or could not be."""
        # A daemon: one that hangs keeps nobody from ending.
        self._thread = Thread(target=self._run, name="flags provider", daemon=True)
        self._late: Future[FlagEvaluationDetails[str]] | None = None
        self._is_told = False
        """That it was late."""
        self._stretch_s = 0.0
        self._waited_s = 0.0
        self._rests_until_s = 0.0
        self._is_ending = False

    def get_metadata(self) -> Metadata:
        return Metadata(name=f"parallax-guarded-{self._name}")

    def initialize(self, evaluation_context: EvaluationContext) -> None:  # noqa: ARG002
        """Have the provider made, and wait a moment for it: nobody is connected yet."""
        # OpenFeature would write a traceback for each flag that raises, past this process's own log, which tells of it.
        logging.getLogger("openfeature").setLevel(logging.CRITICAL)
        self._thread.start()
        self._tried.wait(STARTS_WITHIN_S)

    def shutdown(self) -> None:
        """Have the provider shut down, and wait a moment for that."""
        self._is_ending = True
        self._queue.put(None)
        self._thread.join(STARTS_WITHIN_S)

    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        client, now_s = self._client, time.monotonic()
        if client is None:
            return _away(default_value)
        if self._late is not None and self._late.done():
            self._late = None
        if self._late is not None or now_s < self._rests_until_s:
            return _away(default_value)
        if now_s > self._stretch_s + REFRESH_EVERY_S:
            self._is_told = self._is_told and self._waited_s > WAITS_AT_MOST_S
            self._stretch_s, self._waited_s = now_s, 0.0
        asked = Future[FlagEvaluationDetails[str]]()
        self._queue.put(
            (
                lambda: client.get_string_details(flag_key, default_value, evaluation_context),
                asked,
            )
        )
        in_time = self._wait_for(asked, ANSWERS_WITHIN_S)
        self._waited_s += time.monotonic() - now_s if in_time else math.inf
        if self._waited_s > WAITS_AT_MOST_S:
            self._rest(in_time=in_time)
        if not in_time:
            self._late = asked
            return _away(default_value)
        error = asked.exception()
        if error is not None:
            return FlagResolutionDetails(
                value=default_value,
                error_code=ErrorCode.GENERAL,
                error_message=f"{type(error).__name__}: {error}",
            )
        told = asked.result()
        return FlagResolutionDetails(
            value=told.value,
            error_code=_code_of(told),
            error_message=told.error_message,
            reason=told.reason,
            variant=told.variant,
        )

    def _rest(self, *, in_time: bool) -> None:
        """Leave the provider alone for a while, and tell of it unless it was the same the last time."""
        self._rests_until_s = time.monotonic() + REFRESH_EVERY_S
        if self._is_told:
            return
        self._is_told = True
        told = f"no answer within {ANSWERS_WITHIN_S:g} s"
        if in_time:
            told = (
                f"more than {WAITS_AT_MOST_S:g} s of waiting for answers in {REFRESH_EVERY_S:g} s"
            )
        _log.error("flags_provider_failed", provider=self._name, error=told, remedy=_REMEDY)

    @staticmethod
    def _wait_for(asked: Future[Any], within_s: float) -> bool:
        try:
            asked.exception(within_s)
        except TimeoutError:
            return False
        return True

    # ---- in the thread

    def _run(self) -> None:
        while not self._is_ending:
            try:
                self._make()
                break
            # Somebody else's code may end neither the relay nor this thread.
            except BaseException as error:  # noqa: BLE001
                self._failed(error)
                if self._is_asked_to_end():
                    return
        try:
            while (asked := self._queue.get()) is not None:
                doing, answer = asked
                try:
                    answer.set_result(doing())
                except BaseException as error:  # noqa: BLE001 - as above
                    answer.set_exception(error)
        finally:
            self._client = None
            api.set_provider(NoOpProvider(), self._domain)

    def _make(self) -> None:
        made = self._factory()
        if not callable(getattr(made, "resolve_string_details", None)):
            message = f"{type(made).__name__} is no OpenFeature provider"
            raise TypeError(message)
        api.set_provider_and_wait(made, self._domain)
        # Before anything is heard of it: that it is ready is told at once, from another thread.
        client = self._client = api.get_client(self._domain)
        for event in (ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, ProviderEvent.PROVIDER_READY):
            client.add_handler(event, self._heard)
        _log.info("flags_provider_ready", provider=self._name)
        self._told()

    def _failed(self, error: BaseException) -> None:
        """Tell that there is no provider, the first time."""
        if not self._tried.is_set():
            told = f"{type(error).__name__}: {error}"
            _log.error("flags_provider_failed", provider=self._name, error=told, remedy=_REMEDY)
            self._tried.set()

    def _is_asked_to_end(self) -> bool:
        try:
            return self._queue.get(timeout=AGAIN_S) is None
        except Empty:
            return False

    def _heard(self, _: EventDetails) -> None:
        self._told()

    def _told(self) -> None:
        self._tried.set()
        self.emit_provider_configuration_changed(ProviderEventDetails())

    # ---- Parallax's own flags are texts

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,
        evaluation_context: EvaluationContext | None = None,
    ) -> Never:
        raise NotImplementedError(flag_key)

    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,
    ) -> Never:
        raise NotImplementedError(flag_key)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> Never:
        raise NotImplementedError(flag_key)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> Never:
        raise NotImplementedError(flag_key)


def _away(default: str) -> FlagResolutionDetails[str]:
    """Return what is no answer; why there is none was told when it came to that."""
    return FlagResolutionDetails(value=default, error_code=ErrorCode.PROVIDER_NOT_READY)


def _code_of(told: FlagEvaluationDetails[str]) -> ErrorCode | None:
    """Return the error of an answer: one that a provider gives of itself has been told to nobody yet."""
    if told.error_code is ErrorCode.PROVIDER_NOT_READY:
        return ErrorCode.GENERAL
    return told.error_code
