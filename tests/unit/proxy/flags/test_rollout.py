from typing import Any

import pytest

from proxy.flags.document import SHADOW, Said
from proxy.flags.phases import Phase
from proxy.flags.rollout import (
    Course,
    Doing,
    Look,
    Move,
    Plan,
    RollBacks,
    goes_on_from,
    in_a_row,
    said_at,
)
from proxy.ledger.flag_changes import PARALLAX, ROLLED_BACK, FlagChange

PLAN = Plan(steps=(5, 100), bake_s=10, passes=2, rest_s=100, rest_at_most_s=350)
FIVE, ALL = said_at(5), said_at(100)


class Sequel:
    """Looks at one course, a second apart unless said otherwise."""

    def __init__(self, plan: Plan = PLAN) -> None:
        self.course = Course(plan)
        self.now_s = 0.0

    def look(self, said: Said, *, after_s: float = 1, **more: Any) -> Move:
        self.now_s += after_s
        seen = {"objections": (), "verified": int(self.now_s), **more}
        return self.course.look(
            Look(now_s=self.now_s, now_ns=int(self.now_s * 1e9), said=said, **seen)
        )


def change(before: str, after: str, **more: Any) -> FlagChange:
    return FlagChange(
        **{
            "at_ns": 1,
            "direction": "reads",
            "namespace": "app.a",
            "before": before,
            "after": after,
            "who": "ada",
            "why": "x",
            **more,
        }
    )


def roll_back(at_ns: int = 1) -> FlagChange:
    return change("canary", "shadow", who=PARALLAX, why=f"{ROLLED_BACK}x", at_ns=at_ns)


def test_the_first_step_needs_passes_in_a_row_and_no_baking() -> None:
    sequel = Sequel()

    moves = [sequel.look(SHADOW), sequel.look(SHADOW, objections=("x",)), sequel.look(SHADOW)]
    moves.append(sequel.look(SHADOW))

    assert [move.doing for move in moves] == [Doing.WAIT, Doing.WAIT, Doing.WAIT, Doing.STEP]
    assert moves[1].why == "at 0 %: x"
    assert moves[-1].said == FIVE


def test_a_step_bakes_and_whatever_does_not_pass_begins_it_anew() -> None:
    sequel = Sequel()

    assert sequel.look(FIVE).doing is Doing.WAIT
    assert sequel.look(FIVE, after_s=9, objections=("late",)).doing is Doing.WAIT
    assert sequel.look(FIVE).doing is Doing.WAIT
    assert sequel.look(FIVE, after_s=9.5).doing is Doing.WAIT
    step = sequel.look(FIVE)

    assert (step.doing, step.said) == (Doing.STEP, ALL)
    assert "over 10.5 s at 5 %" in step.why


def test_a_step_is_not_proved_by_silence() -> None:
    sequel = Sequel()

    sequel.look(FIVE, verified=7)
    quiet = sequel.look(FIVE, after_s=20, verified=7)
    busy = sequel.look(FIVE, verified=8)

    assert (quiet.doing, busy.doing) == (Doing.WAIT, Doing.STEP)
    assert "nothing of it was verified" in quiet.why


def test_the_last_step_bakes_too_before_it_is_done() -> None:
    sequel = Sequel()

    assert sequel.look(ALL).doing is Doing.WAIT
    assert sequel.look(ALL, after_s=10).doing is Doing.DONE


def test_a_rollout_goes_on_from_what_the_flag_says() -> None:
    sequel = Sequel(Plan(steps=(1, 25, 50), bake_s=0, passes=1, rest_s=0, rest_at_most_s=0))

    sequel.look(said_at(10), verified=1)

    assert sequel.look(said_at(10), verified=2).said == said_at(25)


def test_writes_that_were_dual_stay_so_where_the_gateway_does_not_answer_yet() -> None:
    sequel = Sequel()
    begun = Said(phase=Phase.CANARY, percent=5, otherwise=Phase.DUAL)

    sequel.look(Said(phase=Phase.DUAL))

    assert sequel.look(Said(phase=Phase.DUAL)).said == begun
    assert goes_on_from(begun)


@pytest.mark.parametrize(("n", "rest_s"), [(1, 100), (2, 200), (3, 350), (99, 350)])
def test_the_rest_grows_with_each_roll_back_in_a_row(n: int, rest_s: int) -> None:
    sequel = Sequel(Plan(steps=(5,), bake_s=0, passes=1, rest_s=100, rest_at_most_s=350))
    roll_backs = RollBacks(n=n, last_ns=0)

    assert sequel.look(SHADOW, after_s=rest_s - 1, roll_backs=roll_backs).doing is Doing.WAIT
    assert sequel.look(SHADOW, after_s=2, roll_backs=roll_backs).doing is Doing.STEP


def test_roll_backs_count_up_to_what_ended_well_or_began_anew() -> None:
    canary, done = change("shadow", "canary"), change("gateway", "gateway", why="done: x")
    mended = change("shadow", "shadow", why="the index is there")

    assert in_a_row([canary]) is None
    assert in_a_row([roll_back(9), canary, roll_back(5), canary]) == RollBacks(n=2, last_ns=9)
    assert in_a_row([canary, roll_back(9), done, roll_back(5)]) == RollBacks(n=1, last_ns=9)
    assert in_a_row([canary, mended, roll_back(9)]) is None


def test_a_rollout_takes_over_what_it_could_have_set_itself() -> None:
    assert all(map(goes_on_from, (SHADOW, FIVE, ALL, Said(phase=Phase.DUAL))))
    assert not goes_on_from(Said(phase=Phase.OFF))
    assert not goes_on_from(Said(phase=None))
    assert not goes_on_from(Said(phase=Phase.CANARY, percent=5, otherwise=Phase.OFF))
