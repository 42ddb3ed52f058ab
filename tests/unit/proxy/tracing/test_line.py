"""What is written to the log is sent as well, in the same fields, with the span that it belongs to."""

import io
import json
from collections.abc import Iterator

import pytest
import structlog
from opentelemetry.context import attach, detach

from proxy.settings_sections import LogFormat, LogLevel
from proxy.telemetry import configure_logging
from proxy.tracing.exemplar import Place, context_of, named
from proxy.tracing.line import Line, tapped

PLACE = Place(7, 9)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Give the stream that this test's log goes to."""
    stream = io.StringIO()
    configure_logging(LogLevel.INFO, LogFormat.JSON, part="verifier", stream=stream)
    yield stream
    structlog.reset_defaults()


def last(log: io.StringIO) -> dict[str, object]:
    found: dict[str, object] = json.loads(log.getvalue().splitlines()[-1])
    return found


def test_a_line_is_sent_as_it_is_written(log: io.StringIO) -> None:
    lines: list[Line] = []
    logger = structlog.get_logger()

    with tapped(lines.append):
        logger.debug("marks_kept")
        logger.warning("mismatch_confirmed", collection="app.users", position=3, **named(PLACE))
        logger.warning("export_failed", reason="away")
    logger.info("peer_back")

    (line,) = lines
    assert (line.event, line.level, line.place) == ("mismatch_confirmed", "warning", PLACE)
    assert line.fields == {"collection": "app.users", "position": 3}
    assert len(log.getvalue().splitlines()) == 3


def test_a_line_names_the_current_span_unless_it_names_its_own(log: io.StringIO) -> None:
    logger = structlog.get_logger()
    context = context_of(PLACE)
    assert context is not None

    token = attach(context)
    logger.info("peer_back")
    current = last(log)
    logger.info("peer_back", **named(Place(1, 2)))
    own = last(log)
    detach(token)
    logger.info("peer_back")

    assert current.items() >= named(PLACE).items()
    assert own.items() >= named(Place(1, 2)).items()
    assert "trace_id" not in last(log)
