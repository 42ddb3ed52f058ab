"""`hello`: the primary of a replica set with one member, or while PostgreSQL is away a member that is none.

A replica set, because drivers use sessions, transactions and retryable writes with nothing less. Without `topologyVersion` they ask
now and then instead of listening, and without `compression` they send none.
Source: MongoDB specifications, "Server Discovery and Monitoring", "Max Staleness", "MongoDB Handshake".
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from bson.timestamp import Timestamp

from proxy.serving.asked import Asked
from proxy.serving.identity import Identity
from proxy.serving.retries import SESSION_MINUTES

MOST_DOCUMENT_BYTES: Final = 16 * 1024 * 1024
MOST_MESSAGE_BYTES: Final = 48_000_000
MOST_WRITES: Final = 100_000
WIRE_VERSION: Final = 17
"""Of MongoDB 6.0, whose answers are the ones given."""


def greeting(
    asked: Asked, *, identity: Identity, address: str, now: Timestamp, is_away: bool
) -> dict[str, Any]:
    """Return the reply to `hello`; to `isMaster` under its own name for the primary."""
    leads = "isWritablePrimary" if asked.request.name == "hello" else "ismaster"
    return {
        "helloOk": True,
        # Without a set there is nobody to wait for: commands are refused instead, so that drivers try again.
        leads: not is_away or not identity.replica_set,
        **(_member(identity, address, now, is_away=is_away) if identity.replica_set else {}),
        "maxBsonObjectSize": MOST_DOCUMENT_BYTES,
        "maxMessageSizeBytes": MOST_MESSAGE_BYTES,
        "maxWriteBatchSize": MOST_WRITES,
        "localTime": datetime.fromtimestamp(asked.now_ms / 1000, UTC),
        "logicalSessionTimeoutMinutes": SESSION_MINUTES,
        "connectionId": asked.client.number,
        "minWireVersion": 0,
        "maxWireVersion": WIRE_VERSION,
        "readOnly": False,
        "ok": 1.0,
    }


def _member(
    identity: Identity, address: str, now: Timestamp, *, is_away: bool
) -> Mapping[str, Any]:
    date = datetime.fromtimestamp(now.time, UTC)
    written = {"ts": now, "t": 1}
    primary = {} if is_away else {"primary": address}
    return {
        "hosts": [address],
        "setName": identity.replica_set,
        "setVersion": identity.version,
        "secondary": False,
        **primary,
        "me": address,
        "electionId": identity.election,
        "lastWrite": {
            "opTime": written,
            "lastWriteDate": date,
            "majorityOpTime": written,
            "majorityWriteDate": date,
        },
    }


def introduce(asked: Asked) -> None:
    """Remember what the client says of itself."""
    told = asked.command.get("client")
    application = told.get("application") if isinstance(told, Mapping) else None
    if isinstance(application, Mapping):
        asked.client.application = dict(application)
