"""What a benchmark found, as it is kept for later ones: `parallax-bench/1`. Durations in seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from comparators.errors import SettingsError

FORMAT: Final = "parallax-bench/1"
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One measurement of one target under one load.

    `quantiles_s` holds those that the number of operations carries; `cpu_s` and `memory_bytes` are by part (relay, mongod …),
    the processor time of one operation and what is resident at the end; `grown_bytes` is by how much an operation has made that grow.
    """

    n: int
    quantiles_s: Mapping[str, _Positive]
    per_s: _Positive
    failures: Mapping[str, int]
    late_s: float | None
    cpu_s: Mapping[str, float]
    memory_bytes: Mapping[str, int]
    grown_bytes: Mapping[str, float] = field(default_factory=dict)
    """Empty in a run of an earlier release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All rounds of one target under one load; `buckets` are latencies of all, to 1 %, and how many."""

    target: str
    load: str
    rounds: tuple[Round, ...]
    buckets: tuple[tuple[float, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One run. `digest` tells the operations from others: only the same ones are comparable."""

    format: Literal["parallax-bench/1"] = FORMAT
    made_at: str
    about: Mapping[str, str]
    source: str
    digest: str
    operations: Mapping[str, int]
    left_out: Mapping[str, int]
    absent: Mapping[str, str]
    warm_up: int
    measured: tuple[Measured, ...]

    def find(self, target: str, load: str) -> Measured | None:
        """Return what was measured of a target under a load."""
        return next(
            (one for one in self.measured if (one.target, one.load) == (target, load)), None
        )


_ADAPTER: Final = TypeAdapter(Benchmark)


def to_json(found: Benchmark) -> str:
    """Return a run as it is kept."""
    return _ADAPTER.dump_json(found, indent=1).decode()


def read_history(file: Path) -> Benchmark:
    """Return a run that was kept; SettingsError for anything else."""
    try:
        return _ADAPTER.validate_json(file.read_bytes())
    except OSError as error:
        raise SettingsError(
            f"the earlier run cannot be read: {error.strerror}",
            where=str(file),
            remedy="name the bench.json that an earlier `parallax bench` wrote",
        ) from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise SettingsError(
            f"this is no result of a benchmark: {place}: {first['msg']}",
            where=str(file),
            remedy="name the bench.json that an earlier `parallax bench` wrote",
        ) from error
