from pathlib import Path

import pytest

from adapters.injection import Injection
from comparators.errors import SettingsError


def _plan(tmp_path: Path, *, rate: float, seed: int = 1) -> Injection:
    return Injection(rate=rate, seed=seed, twin="postgresql://x", record=tmp_path / "defects.jsonl")


def test_what_is_picked_once_is_picked_again(tmp_path: Path) -> None:
    one, again = _plan(tmp_path, rate=0.5), _plan(tmp_path, rate=0.5)
    names = [str(number).encode() for number in range(100)]

    assert [one.picks(name) for name in names] == [again.picks(name) for name in names]


def test_the_rate_is_kept(tmp_path: Path) -> None:
    plan = _plan(tmp_path, rate=0.05)

    picked = sum(plan.picks(str(number).encode()) for number in range(20_000))

    assert 800 < picked < 1200


def test_another_seed_picks_others(tmp_path: Path) -> None:
    names = [str(number).encode() for number in range(200)]
    one, other = _plan(tmp_path, rate=0.5, seed=1), _plan(tmp_path, rate=0.5, seed=2)

    assert [one.picks(name) for name in names] != [other.picks(name) for name in names]


def test_parts_are_told_apart(tmp_path: Path) -> None:
    plan = _plan(tmp_path, rate=0.5)

    assert plan.number(b"ab", b"c") != plan.number(b"a", b"bc")


def test_a_plan_is_read_as_it_was_written_and_by_its_owner_alone(tmp_path: Path) -> None:
    plan, path = _plan(tmp_path, rate=0.25, seed=9), tmp_path / "plan.json"

    plan.save(path)

    assert Injection.load(path) == plan
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_no_plan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text('{"rate": 1}')

    with pytest.raises(SettingsError):
        Injection.load(path)
