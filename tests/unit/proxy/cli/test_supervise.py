import os
import sys
from pathlib import Path

import pytest

from comparators.errors import (
    CapacityError,
    CorruptionError,
    RefusedError,
    SettingsError,
    UnreachableError,
)
from proxy.cli.supervise import (
    PATIENCE,
    REFUSALS,
    Patience,
    _one_process,
    environment_of,
)
from proxy.settings import load


def test_what_only_a_person_can_mend_is_retried_slowly_and_has_a_remedy() -> None:
    assert set(REFUSALS) == {64, SettingsError.exit_code, RefusedError.exit_code}
    for patience in REFUSALS.values():
        assert patience.remedy
        assert patience.first_s > PATIENCE.first_s
        assert patience.longest_s > PATIENCE.longest_s


def test_what_time_may_mend_is_retried_soon() -> None:
    waiting = (CapacityError, CorruptionError, UnreachableError)

    assert not {error.exit_code for error in waiting} & set(REFUSALS)
    assert not PATIENCE.remedy


@pytest.mark.parametrize("patience", [PATIENCE, *REFUSALS.values()])
def test_pauses_double_up_to_a_limit(patience: Patience) -> None:
    pauses = [patience.pause_s(failures) for failures in range(1, 100)]

    assert pauses[0] == patience.first_s
    assert pauses[1] == 2 * patience.first_s
    assert pauses == sorted(pauses)
    assert pauses[-1] == patience.longest_s


async def test_a_process_that_cannot_be_started_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    assert await _one_process("verify", {}, ()) == os.EX_OSERR


def test_settings_reach_the_other_process_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "parallax.toml"
    file.write_text(
        '[gates]\nstrict = false\nmax_sweep_age_s = inf\n[gates.collections."app.audit"]\nmin_samples = 7\n'
    )
    settings = load(file)

    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)

    assert load() == settings
    assert load().gates.of("app.audit").min_samples == 7
