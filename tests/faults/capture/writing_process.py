"""Write intents for ever and tell each position once `intent` has returned it; to be killed."""

import sys
from pathlib import Path

from proxy.capture.limits import MIB, CaptureLimits
from tests.unit.proxy.capture.logs import answer, read, write, writer_of

LIMITS = CaptureLimits(segment_bytes=20_000, max_bytes=64 * MIB)


def main(directory: Path) -> None:
    writer = writer_of(directory, LIMITS)
    number = 0
    while True:
        read(writer, b"read %d" % number * 10)
        intent = write(writer, b"write %d" % number * 30)
        answer(writer, intent, b"done")
        print(intent, flush=True)  # noqa: T201 - the parent listens
        number += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
