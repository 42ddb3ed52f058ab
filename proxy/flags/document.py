"""The flags file as a value: flagd's JSON, with one flag for each collection and direction.

A flag is called `reads:app.users`; `reads` and `writes` alone are the defaults of all collections. Its variants are the phases.
Pure: who reads and writes the file is in `file.py`.
Source: flagd, "Flag Definitions", https://flagd.dev/reference/flag-definitions/.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.exception import OpenFeatureError

from proxy.flags.phases import BEYOND_SHADOW, Direction, Phase

DEFAULT: Final = "default"
"""How people name the flag of all collections that have none of their own."""
EMPTY: Final[Mapping[str, Any]] = {"flags": {}}
WHOLE: Final = 100
"""Per cent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a flag says: a phase for some per cent of the keys, and another one for the rest.

    `phase` is None for a flag that somebody wrote with targeting of their own.
    """

    phase: Phase | None
    percent: int = WHOLE
    otherwise: Phase = Phase.SHADOW

    def __str__(self) -> str:
        if self.phase is None:
            return f"by targeting, else {self.otherwise}"
        if self.percent == WHOLE:
            return self.phase.value
        return f"{self.phase} {self.percent} %, else {self.otherwise}"


SHADOW: Final = Said(phase=Phase.SHADOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A flag, and whose it is; an empty namespace for the default."""

    direction: Direction
    namespace: str
    said: Said


def key_of(direction: Direction, namespace: str) -> str:
    """Return the name of a flag; an empty namespace is the default's."""
    return f"{direction}:{namespace}" if namespace else direction.value


def parsed(text: str) -> Mapping[str, Any]:
    """Return a flags file as a document; ValueError that says what is wrong with it.

    Whatever the file holds it is nothing else: the relay reads it while it serves.
    """
    try:
        document: Any = json.loads(text)
    except RecursionError as error:
        message = "it is nested too deeply"
        raise ValueError(message) from error
    flags = document.get("flags") if isinstance(document, dict) else None
    if not isinstance(flags, dict):
        message = "there is no object `flags`"
        raise ValueError(message)  # noqa: TRY004 - it is the text that is wrong
    for key, flag in flags.items():
        _check(key, flag)
    try:
        FlagdCore().set_flags(text)
    except OpenFeatureError as error:
        raise ValueError(error.error_message or type(error).__name__) from error
    except Exception as error:  # flagd's evaluator does not say what it raises for a broken file
        message = f"flagd's evaluator does not take it: {type(error).__name__}: {error}"
        raise ValueError(message) from error
    return {**document}


def standings(document: Mapping[str, Any]) -> list[Standing]:
    """Return what the flags of a document say: the defaults, then the collections by name."""
    found = []
    for key, flag in document["flags"].items():
        name, _, namespace = key.partition(":")
        found.append(
            Standing(direction=Direction(name), namespace=namespace, said=_said(flag)),
        )
    return sorted(found, key=lambda each: (each.namespace, each.direction))


def said(document: Mapping[str, Any], direction: Direction, namespace: str) -> Said:
    """Return what holds for a collection: its flag, else the default's, else `shadow`."""
    flags = document["flags"]
    flag = flags.get(key_of(direction, namespace)) or flags.get(direction.value)
    return SHADOW if flag is None else _said(flag)


def may_serve(document: Mapping[str, Any], direction: Direction, namespace: str) -> bool:
    """Return whether the gateway may answer for a collection, or be waited for; of targeting that somebody wrote, whether it can say so."""
    flags = document["flags"]
    flag = flags.get(key_of(direction, namespace)) or flags.get(direction.value)
    if flag is None or flag["state"] != "ENABLED":
        return False
    holds = _said(flag)
    if holds.phase is None:
        return not BEYOND_SHADOW.isdisjoint(map(Phase, flag["variants"].values()))
    return holds.phase in BEYOND_SHADOW or holds.otherwise in BEYOND_SHADOW


def serving(document: Mapping[str, Any]) -> list[Standing]:
    """Return the flags that may let the gateway answer, or be waited for."""
    return [
        each for each in standings(document) if may_serve(document, each.direction, each.namespace)
    ]


def with_flag(
    document: Mapping[str, Any], direction: Direction, namespace: str, wanted: Said
) -> Mapping[str, Any]:
    """Return a document in which a flag says something else."""
    assert wanted.phase is not None  # noqa: S101 - nobody asks for targeting that they do not give
    flag: dict[str, Any] = {
        "state": "ENABLED",
        "variants": {phase.value: phase.value for phase in Phase},
        "defaultVariant": wanted.phase.value,
    }
    if wanted.percent != WHOLE:
        flag["defaultVariant"] = wanted.otherwise.value
        # The shorthand: spread by flag and targeting key, so that one connection always meets the same side.
        flag["targeting"] = {
            "fractional": [
                [wanted.phase.value, wanted.percent],
                [wanted.otherwise.value, WHOLE - wanted.percent],
            ]
        }
    flags = {**document["flags"], key_of(direction, namespace): flag}
    return {**document, "flags": dict(sorted(flags.items()))}


def _said(flag: Mapping[str, Any]) -> Said:
    if flag["state"] != "ENABLED":
        return SHADOW
    otherwise = Phase(flag["variants"][flag["defaultVariant"]])
    targeting = flag.get("targeting")
    if not targeting:
        return Said(phase=otherwise)
    match targeting:
        case {"fractional": [[str(phase), int(percent)], [str(rest), int(others)]]} if (
            percent + others == WHOLE and rest == otherwise.value and len(targeting) == 1
        ):
            return Said(phase=Phase(phase), percent=percent, otherwise=otherwise)
        case _:
            return Said(phase=None, otherwise=otherwise)


def _check(key: str, flag: Any) -> None:
    """Find what flagd would take and what still is no flag of ours."""
    name, colon, namespace = key.partition(":")
    if name not in set(Direction) or (colon and "." not in namespace):
        message = f"flag {key!r} is neither `reads`, `writes` nor `reads:database.collection`"
        raise ValueError(message)
    for complaint in _complaints(flag):
        message = f"flag {key!r}: {complaint}"
        raise ValueError(message)


def _complaints(flag: Any) -> Iterator[str]:
    if not isinstance(flag, dict):
        yield "it is no object"
        return
    # Compared with lists: anything may stand there, also what has no hash.
    if flag.get("state") not in ["ENABLED", "DISABLED"]:
        yield "its `state` is neither ENABLED nor DISABLED"
    variants = flag.get("variants")
    if not isinstance(variants, dict) or not variants:
        yield "it has no `variants`"
        return
    for variant, value in variants.items():
        if value not in list(Phase) or variant != value:
            yield f"variant {variant!r} is no phase"
    if flag.get("defaultVariant") not in list(variants):
        yield "its `defaultVariant` is none of its variants"
    if not isinstance(flag.get("targeting", {}), dict):
        yield "its `targeting` is no object"
