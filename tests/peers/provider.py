"""OpenFeature providers as others write them: one in memory that says what a file says, and some that misbehave."""

import json
import os
import threading
from pathlib import Path
from typing import Any, Final, Never

from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

VARIABLE: Final = "TESTS_PROVIDER_FILE"
HANG: Final = "hang"
RAISE: Final = "raise"


class _Followed(dict[str, InMemoryFlag[Any]]):
    """Flags that are in the file at the moment at which they are asked for."""

    def get(self, key: str, default: Any = None) -> Any:
        told = json.loads(Path(os.environ[VARIABLE]).read_text(encoding="utf-8"))
        if key not in told:
            return default
        return InMemoryFlag("only", {"only": told[key]}, context_evaluator=_said)

    def copy(self) -> "_Followed":
        return self


def _said(flag: InMemoryFlag[Any], _context: EvaluationContext) -> FlagResolutionDetails[Any]:
    value = flag.variants["only"]
    if value == HANG:
        threading.Event().wait()
    if value == RAISE:
        raise RuntimeError("out of order")
    return FlagResolutionDetails(value=value)


def in_memory() -> InMemoryProvider:
    """Return a provider whose flags are in the file that VARIABLE names, as `{"reads:app.users": "gateway"}`."""
    return InMemoryProvider(_Followed())


def raising() -> Never:
    """Be one that cannot be had."""
    raise ConnectionError("the service of the flags is away")


def hanging() -> Never:
    """Be one that never comes to be."""
    threading.Event().wait()
    raise AssertionError


def nothing() -> object:
    """Be no provider."""
    return object()


NO_FACTORY: Final = 3
