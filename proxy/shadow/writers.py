"""What wrote the documents that turn out to differ: kept with what they are owed, so that it is known when they are compared.

A verifier that begins where another one ended finds it on the capture log, which is kept from the oldest write on whose documents are not compared.
"""

from dataclasses import replace
from pathlib import Path

from comparators.shape import shape_of
from proxy.capture.applications import KnownApplications
from proxy.capture.reader import CaptureReader
from proxy.capture.record import RecordKind
from proxy.ledger.entries import Writer
from proxy.request import operation_of, read_request
from proxy.shadow.decode import UNDECODABLE
from proxy.shadow.exchange import Exchange


def writer_of(exchange: Exchange) -> Writer:
    """Return what is told of a write: a statement of a transaction stands where it was asked, not where it was committed."""
    session = exchange.session
    return Writer(
        shape=exchange.shape.text,
        position=exchange.start,
        at_ns=exchange.received_ns,
        connection=exchange.connection,
        in_transaction=session is not None and session.in_transaction,
    )


class Writers:
    """Tells of writes what is not known when they run: the application, and what a verifier before this one knew."""

    def __init__(self, directory: Path) -> None:
        """`directory` holds the capture log."""
        self._directory = directory
        self._applications = KnownApplications(directory)

    def told(self, writer: Writer) -> Writer:
        """Return a writer with the application it came from."""
        return replace(writer, application=self._applications.of(writer.connection))

    def at(self, position: int) -> Writer | None:
        """Return the write whose intent stands at a position of the log; None where none does, as for the commit of a transaction."""
        reader = CaptureReader(self._directory, position)
        try:
            records = reader.poll(1)
        finally:
            reader.close()
        record = next(iter(records), None)
        if record is None or record.kind is not RecordKind.INTENT or record.position != position:
            return None
        try:
            request = read_request(record.request, start=position)
            shape = None if request.control is not None else shape_of(operation_of(request))
        except UNDECODABLE:
            return None
        if shape is None:
            return None
        return Writer(
            shape=shape.text,
            position=position,
            at_ns=record.received_ns,
            connection=record.connection,
        )
