"""Cases as data: canonical Extended JSON in, canonical BSON values out."""

import json
from pathlib import Path
from typing import Any, Final

from bson.codec_options import DatetimeConversion
from bson.json_util import JSONMode, JSONOptions, object_hook

CASES: Final = Path(__file__).parent
_OPTIONS: Final = JSONOptions(
    json_mode=JSONMode.CANONICAL,
    document_class=dict,
    datetime_conversion=DatetimeConversion.DATETIME_MS,
)


def read_document(name: str) -> Any:
    """Return the content of one file."""
    return _read(CASES / f"{name}.json")


def case_files(area: str) -> list[str]:
    """Return the names of the files of an area; an area without files fails."""
    names = sorted(path.stem for path in (CASES / area).glob("*.json"))
    if not names:
        raise FileNotFoundError(f"no cases in {CASES / area}")
    return names


def read_cases(area: str, name: str) -> list[dict[str, Any]]:
    """Return the cases of one file; a file without cases fails."""
    cases: list[dict[str, Any]] = _read(CASES / area / f"{name}.json")
    if not cases:
        raise ValueError(f"no cases in {area}/{name}.json")
    return cases


def _read(path: Path) -> Any:
    return json.loads(path.read_text(), object_hook=lambda item: object_hook(item, _OPTIONS))
