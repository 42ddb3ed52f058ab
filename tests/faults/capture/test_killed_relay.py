import signal
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.capture.reader import CaptureReader
from proxy.capture.record import RecordKind
from tests.unit.proxy.capture.logs import drained, write, writer_of

WRITING = (sys.executable, "-m", "tests.faults.capture.writing_process")
PROJECT = Path(__file__).parents[3]


@pytest.mark.parametrize("intents_before_the_kill", [1, 100, 1000])
def test_every_intent_that_returned_outlives_kill_9(
    tmp_path: Path, intents_before_the_kill: int
) -> None:
    reader = CaptureReader(tmp_path)
    records = []
    told = []
    with subprocess.Popen(
        [*WRITING, tmp_path], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as relay:
        assert relay.stdout is not None
        for line in relay.stdout:
            told.append(int(line))
            records += reader.poll(50)
            if len(told) == intents_before_the_kill:
                relay.send_signal(signal.SIGKILL)
                break
        told += [int(line) for line in relay.stdout if line.endswith("\n")]

    successor = writer_of(tmp_path)
    behind = write(successor, b"behind")
    successor.close()
    records += drained(reader)
    reader.close()

    intents = [record.position for record in records if record.kind is RecordKind.INTENT]
    assert relay.returncode == -signal.SIGKILL
    assert intents[: len(told)] == told
    assert intents[-1] == behind
    assert len(intents) - len(told) in {1, 2}, "one intent may have returned without being told"
    exchanges = [record.request for record in records if record.kind is RecordKind.EXCHANGE]
    # The kill may fall between a read and the intent in the same system call.
    assert len(exchanges) - (len(intents) - 1) in {0, 1}
    assert exchanges == [b"read %d" % number * 10 for number in range(len(exchanges))]
    assert len(reader.take_skipped()) <= 1
