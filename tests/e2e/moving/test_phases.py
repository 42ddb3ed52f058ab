"""Applications that know nothing of it, while their collections go through every phase, up and down."""

import asyncio
import random
from collections.abc import Sequence
from itertools import count, cycle

from proxy.embedded import EmbeddedMongo
from proxy.flags.document import Said
from proxy.flags.phases import Phase
from tests.e2e.both_sides import both_sides_become_equal
from tests.e2e.moving.application import nothing_is_lost, used
from tests.e2e.moving.sidecar import SHADOW, Moving
from tests.e2e.node_runs import as_text, run_node, without_texts

UP: Sequence[tuple[Said, Said]] = [
    (SHADOW, SHADOW),
    (Said(phase=Phase.CANARY, percent=50), SHADOW),
    (Said(phase=Phase.GATEWAY), SHADOW),
    (Said(phase=Phase.GATEWAY), Said(phase=Phase.DUAL)),
    (Said(phase=Phase.GATEWAY), Said(phase=Phase.CANARY, percent=50)),
    (Said(phase=Phase.GATEWAY), Said(phase=Phase.GATEWAY)),
]
"""Reads and writes."""
FLIPS = 100
UP_AND_DOWN = [*UP, *reversed(UP[:-1])]
PROGRAMS = (
    ("mongoose.mjs", "9", "optimistic_concurrency"),
    ("mongoose.mjs", "8", "bulk_write"),
    ("mongoose.mjs", "9", "transactions"),
    ("driver.mjs", "writes_and_reads"),
)


async def test_flags_flip_a_hundred_times_under_load(moving: Moving, mongo: EmbeddedMongo) -> None:
    chance = random.Random(5)
    reads = [*(Said(phase=phase) for phase in (Phase.OFF, Phase.CANARY, Phase.GATEWAY)), SHADOW]
    writes = [Said(phase=Phase.DUAL), Said(phase=Phase.CANARY, percent=50), SHADOW]
    writes.append(Said(phase=Phase.GATEWAY))
    before = await moving.writes()

    async with used(moving, "moving_flips") as applications:
        for flip in count():
            if flip >= FLIPS and min(each.times for each in applications) > 20:
                break
            await moving.says(reads=chance.choice(reads), writes=chance.choice(writes))
    moving.file.unlink()

    await nothing_is_lost(moving, mongo, "moving_flips", applications)
    counts = await moving.writes() - before
    assert counts["served"] > 0
    assert counts["confirmed"] > 0
    assert not counts["lost"] + counts["refused"], counts


async def test_mongoose_and_pymongo_run_through_every_phase_up_and_down(
    moving: Moving, mongo: EmbeddedMongo
) -> None:
    phases, visited = cycle(UP_AND_DOWN), set[tuple[Said, Said]]()
    ended = asyncio.Event()

    async def walk() -> None:
        while not ended.is_set() or len(visited) < len(UP):
            reads, writes = next(phases)
            await moving.says(reads=reads, writes=writes)
            visited.add((reads, writes))

    async with used(moving, "moving_walk", users=2) as applications, asyncio.TaskGroup() as tasks:
        tasks.create_task(walk())
        for number, program in enumerate(PROGRAMS):
            await sees_the_same(program, f"moving_node_{number}", moving, mongo)
        ended.set()

    await nothing_is_lost(moving, mongo, "moving_walk", applications)
    for number in range(len(PROGRAMS)):
        await both_sides_become_equal(mongo.uri, moving.gateway, f"moving_node_{number}")


async def sees_the_same(
    program: Sequence[str], database: str, moving: Moving, mongo: EmbeddedMongo
) -> None:
    """Run a program on MongoDB alone and through the sidecar; assert that it sees the same but for the texts of errors."""
    alone = f"{database}_alone"
    direct_uri = f"mongodb://{mongo.members[0].address}/{alone}"
    async with asyncio.TaskGroup() as tasks:
        direct = tasks.create_task(run_node(program, direct_uri, alone))
        through = tasks.create_task(run_node(program, f"{moving.uri}{database}", database))
    seen, wanted = without_texts(through.result().seen), without_texts(direct.result().seen)
    assert as_text(seen) == as_text(wanted), program
