"""What the evidence must reach before a collection passes: the section `gates` of the settings."""

from collections.abc import Mapping
from math import inf
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

DAY_S: Final = 86_400.0

Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0, le=1)]


class Bounds(BaseModel):
    """The bounds of one collection; a gate whose bound is `inf` is not asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    strict: bool = True
    min_samples: PositiveInt = 3_000
    min_duration_s: NonNegativeFloat = DAY_S
    max_mismatch_rate: Rate = 0.001
    max_error_rate: Rate = 0.001
    max_timeout_rate: Rate = 0.001
    max_latency_ratio: PositiveFloat = 1.05
    min_coverage: Share = 0.95
    max_sweep_age_s: PositiveFloat = 7 * DAY_S


class Gates(Bounds):
    """The bounds of all collections, and of those that have some of their own."""

    collections: Mapping[str, Bounds] = {}

    def of(self, namespace: str) -> Bounds:
        """Return the bounds of a collection."""
        return self.collections.get(namespace, self)

    def without_sweeps(self) -> "Gates":
        """Return the same without a bound on sweeps, as for a replay: it has no MongoDB to sweep."""
        unasked = {"max_sweep_age_s": inf}
        collections = {
            namespace: bounds.model_copy(update=unasked)
            for namespace, bounds in self.collections.items()
        }
        return self.model_copy(update={**unasked, "collections": collections})

    @model_validator(mode="before")
    @classmethod
    def _what_a_collection_leaves_out_is_as_for_all(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or not isinstance(given.get("collections"), Mapping):
            return given
        of_all = {name: value for name, value in given.items() if name in Bounds.model_fields}
        return {
            **given,
            "collections": {
                namespace: of_all | dict(own) if isinstance(own, Mapping) else own
                for namespace, own in given["collections"].items()
            },
        }


DEFAULTS: Final = Gates()
