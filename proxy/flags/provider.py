"""OpenFeature's provider of the flags file: flagd's own evaluator on the last good version of the file.

flagd's provider would do the same with a thread of its own, gRPC, and a complaint at each look at a broken file. Here the event loop
looks, a broken file is told of once, and what was read last stays in force.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import structlog
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType
from openfeature.provider import AbstractProvider
from openfeature.provider.metadata import Metadata

from proxy.flags.dependence import Mentions, mentioned_by
from proxy.flags.document import EMPTY, parsed

_log = structlog.get_logger()

LOOK_EVERY_S: Final = 0.05
_REMEDY: Final = "correct the file: what was read last stays in force until then"

Signature = tuple[int, int, int]


class FileProvider(AbstractProvider):
    """Answers from a file, which `watch` follows."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._core = FlagdCore()
        self._core.set_flags('{"flags": {}}')
        self._seen: Signature | None = None
        self._document: Mapping[str, Any] = EMPTY

    def get_metadata(self) -> Metadata:
        return Metadata(name="parallax-flags-file")

    def initialize(self, evaluation_context: EvaluationContext) -> None:  # noqa: ARG002
        """Read the file. One that is broken or missing is told of, and leaves everything in `shadow`."""
        self.look()

    async def watch(self) -> None:
        """Follow the file until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()

    def mentions(self, key: str) -> Mentions:
        """Return the variables that a flag looks at, None where there is no such flag."""
        return mentioned_by(self._document, key)

    def look(self) -> None:
        """Read the file if it has changed since the last look."""
        signature = self._signature()
        if signature == self._seen:
            return
        self._seen = signature
        try:
            text = self._path.read_text(encoding="utf-8")
            document = parsed(text)
        except (OSError, ValueError) as error:
            _log.error("flags_broken", file=str(self._path), error=str(error), remedy=_REMEDY)
            self.emit_provider_error(ProviderEventDetails(message=str(error)))
            return
        changed = self._core.set_flags_and_get_changed_keys(text)
        self._document = document
        _log.info("flags_read", file=str(self._path), changed=sorted(changed))
        self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=changed))

    def _signature(self) -> Signature:
        try:
            found = self._path.stat()
        except OSError:
            return 0, 0, 0
        return found.st_mtime_ns, found.st_size, found.st_ino

    # ---- what OpenFeature asks; Parallax's own flags are texts

    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        return self._core.resolve_string_value(flag_key, default_value, evaluation_context)

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        return self._core.resolve_boolean_value(flag_key, default_value, evaluation_context)

    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[int]:
        return self._core.resolve_integer_value(flag_key, default_value, evaluation_context)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        return self._core.resolve_float_value(flag_key, default_value, evaluation_context)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        return self._core.resolve_object_value(flag_key, default_value, evaluation_context)
