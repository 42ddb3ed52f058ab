import pytest

from benchmarks.figure import Aim, Figure, at_least, at_most


@pytest.mark.parametrize(
    ("value", "aim", "standing"),
    [
        (0.9, at_least(0.9), "met, 0% to spare"),
        (1.08, at_least(0.9), "met, 20% to spare"),
        (0.45, at_least(0.9), "missed by 50%"),
        (1.3, at_most(1.3), "met, 0% to spare"),
        (1.95, at_most(1.3), "missed by 50%"),
        (500, at_least(50), "met, 9 times the aim to spare"),
        (-20, at_most(100), "met, 120% to spare"),
        (1, at_most(0), "missed"),
        (5, None, ""),
    ],
)
def test_a_figure_says_how_far_it_is_from_its_aim(
    value: float, aim: Aim | None, standing: str
) -> None:
    assert Figure(name="speed", value=value, aim=aim).standing == standing


def test_the_json_says_whether_an_aim_is_met() -> None:
    met = Figure(name="speed", value=2, unit="/s", aim=at_least(1)).as_json()

    assert met == {"name": "speed", "value": 2, "unit": "/s", "aim": "≥ 1", "met": True}
    assert Figure(name="speed", value=2).as_json()["met"] is None
