import json

from benchmarks.__main__ import FULL, PARTS, QUICK, content, measure, summary
from benchmarks.figure import Figure, NotMeasuredError, Part, at_least
from benchmarks.recording import Spent

FOUND = {"speed": Part(figures=(Figure(name="ratio", value=0.2, aim=at_least(0.3)),), text="…")}
MISSING = {"relay": "haproxy is not installed"}


def test_the_summary_shows_aims_missed_and_parts_not_measured() -> None:
    lines = summary(FOUND, MISSING).splitlines()

    assert any(line.split() == "speed ratio 0.2 ≥ 0.3 missed by 33%".split() for line in lines)
    assert any("NOT MEASURED" in line and "haproxy is not installed" in line for line in lines)


def test_everything_can_be_written_as_json() -> None:
    written = json.loads(json.dumps(content(FOUND, MISSING, QUICK)))

    assert written["parts"]["speed"]["figures"][0]["met"] is False
    assert written["not_measured"] == MISSING


async def test_a_part_that_breaks_does_not_cost_the_others() -> None:
    async def broken(_: object) -> Part:
        raise NotMeasuredError("no peer")

    async def bug(_: object) -> Part:
        raise ZeroDivisionError

    async def fine(_: object) -> Part:
        return FOUND["speed"]

    parts = {"broken": broken, "bug": bug, "fine": fine}

    found, missing = await measure(list(parts), QUICK, parts)

    assert list(found) == ["fine"]
    assert missing == {"broken": "no peer", "bug": "ZeroDivisionError, see above"}


def test_a_full_run_leaves_no_part_out() -> None:
    assert list(PARTS) == [
        *(
            "relay",
            "latency",
            "verification",
            "telemetry",
            "gateway",
            "http",
            "serving",
            "sweep",
            "comparison",
            "backfill",
            "memory",
        )
    ]
    assert FULL.memory_s == 300


def test_what_starting_a_process_costs_is_taken_off() -> None:
    spent = Spent(wall_s=7.0, cpu_s=3.0) - Spent(wall_s=2.0, cpu_s=1.0)

    assert spent == Spent(wall_s=5.0, cpu_s=2.0)
