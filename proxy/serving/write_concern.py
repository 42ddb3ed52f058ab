"""Write concerns: here a write that is answered is durable, so that only what no server could meet is told.

Source: MongoDB manual, "Write Concern"; observed on a replica set of one member.
"""

from collections.abc import Mapping
from typing import Any

from comparators.operation import Kind
from proxy.serving.asked import Asked


def with_concern(asked: Asked, reply: dict[str, Any]) -> dict[str, Any]:
    """Return a reply with what of the write concern was not met."""
    concern = asked.command.get("writeConcern")
    wanted = concern.get("w", 1) if isinstance(concern, Mapping) else 1
    error = None if asked.request.kind is Kind.OTHER else _unmet(wanted)
    if error is None or not reply.get("ok"):
        return reply
    told = {name: value for name, value in reply.items() if name != "ok"}
    return {**told, "writeConcernError": error, "ok": 1.0}


def _unmet(wanted: Any) -> dict[str, Any] | None:
    if isinstance(wanted, str) and wanted != "majority":
        return {
            "code": 79,
            "codeName": "UnknownReplWriteConcern",
            "errmsg": f"No write concern mode named '{wanted}' found in replica set configuration",
            "errInfo": {
                "writeConcern": {"w": wanted, "wtimeout": 0, "provenance": "clientSupplied"}
            },
        }
    if isinstance(wanted, int) and wanted > 1:
        return {
            "code": 100,
            "codeName": "UnsatisfiableWriteConcern",
            "errmsg": "Not enough data-bearing nodes",
            "errInfo": {
                "writeConcern": {"w": wanted, "wtimeout": 0, "provenance": "clientSupplied"}
            },
        }
    return None
