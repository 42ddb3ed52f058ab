"""Operations from a capture log: what the application really asked for, in the order in which it was answered."""

from pathlib import Path

from proxy.jobs.bench.operations import Gathering, Operations
from proxy.jobs.captures.exchanges import completed, demand_log

UNDECODABLE_MESSAGE = "a message that could not be decoded"


def captured(directory: Path) -> Operations:
    """Return the operations of a log; SettingsError for a folder that holds none."""
    demand_log(directory)
    gathering = Gathering()
    for traded in completed(directory):
        if traded.request is None:
            gathering.left_out[UNDECODABLE_MESSAGE] += 1
        else:
            gathering.take(traded.request.command)
    return gathering.operations(f"the capture log {directory.name}")
