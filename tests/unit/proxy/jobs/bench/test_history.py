from pathlib import Path

import pytest

from comparators.errors import SettingsError
from proxy.jobs.bench.history import read_history, to_json
from tests.unit.proxy.jobs.bench.runs import run_of


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    file.write_text(to_json(run_of(1)), encoding="utf-8")

    assert read_history(file) == run_of(1)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "the file"),
        ("[]", "the file"),
        ("{}", "made_at"),
        (to_json(run_of(1)).replace("parallax-bench/1", "parallax-bench/9"), "format"),
        (to_json(run_of(1)).replace('"p50": 0', '"p50": -1'), "measured.0.rounds.0.quantiles_s"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_earlier_run_is_said(tmp_path: Path, text: str | None, named: str) -> None:
    file = tmp_path / "old.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")

    with pytest.raises(SettingsError, match=named) as raised:
        read_history(file)

    assert raised.value.where == str(file)
