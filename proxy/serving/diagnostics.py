"""Commands about the server itself, as far as drivers and shells ask.

The version is that of the MongoDB whose answers are given, because applications choose their commands by it.
"""

import os
import platform
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

from proxy.serving.asked import Asked
from proxy.serving.greeting import MOST_DOCUMENT_BYTES
from proxy.serving.refusals import INVALID_OPTIONS, UNAUTHORIZED, RefusalError

MONGODB: Final = "6.0.5"
PARAMETERS: Final[Mapping[str, Any]] = {
    "featureCompatibilityVersion": {"version": "6.0"},
    "authenticationMechanisms": ["SCRAM-SHA-1", "SCRAM-SHA-256"],
    "transactionLifetimeLimitSeconds": 60,
    "cursorTimeoutMillis": 600_000,
}


def ping(_: Asked) -> dict[str, Any]:
    return {"ok": 1.0}


def build_info(_: Asked) -> dict[str, Any]:
    return {
        "version": MONGODB,
        "gitVersion": f"parallax-{version('parallax')}",
        "modules": [],
        "allocator": "system",
        "javascriptEngine": "none",
        "sysInfo": "deprecated",
        "versionArray": [*map(int, MONGODB.split(".")), 0],
        "bits": 64,
        "debug": False,
        "maxBsonObjectSize": MOST_DOCUMENT_BYTES,
        "storageEngines": ["postgresql"],
        "parallax": {"version": version("parallax")},
        "ok": 1.0,
    }


def host_info(asked: Asked) -> dict[str, Any]:
    return {
        "system": {
            "currentTime": datetime.fromtimestamp(asked.now_ms / 1000, UTC),
            "hostname": asked.client.reached,
            "cpuAddrSize": 64,
            "numCores": os.cpu_count() or 1,
            "cpuArch": platform.machine(),
            "numaEnabled": False,
        },
        "os": {
            "type": platform.system(),
            "name": platform.platform(),
            "version": platform.release(),
        },
        "extra": {},
        "ok": 1.0,
    }


def connection_status(asked: Asked) -> dict[str, Any]:
    user = asked.client.user
    users = [{"user": user, "db": "admin"}] if user else []
    roles = [{"role": "root", "db": "admin"}] if user else []
    return {
        "authInfo": {"authenticatedUsers": users, "authenticatedUserRoles": roles},
        "ok": 1.0,
    }


def get_parameter(asked: Asked) -> dict[str, Any]:
    """Return the parameters that are asked for and known."""
    if asked.command.get("$db") != "admin":
        raise RefusalError(UNAUTHORIZED, "getParameter may only be run against the admin database.")
    wanted = asked.command["getParameter"]
    everything = wanted == "*" or (
        isinstance(wanted, Mapping) and bool(wanted.get("allParameters"))
    )
    found = {
        name: value for name, value in PARAMETERS.items() if everything or name in asked.command
    }
    if not found:
        raise RefusalError(INVALID_OPTIONS, "no option found to get")
    return {**found, "ok": 1.0}


def whats_my_uri(asked: Asked) -> dict[str, Any]:
    return {"you": asked.client.peer, "ok": 1.0}


def default_concerns(_: Asked) -> dict[str, Any]:
    return {
        "defaultReadConcern": {"level": "local"},
        "defaultWriteConcern": {"w": "majority", "wtimeout": 0},
        "defaultWriteConcernSource": "implicit",
        "defaultReadConcernSource": "implicit",
        "ok": 1.0,
    }


def get_log(asked: Asked) -> dict[str, Any]:
    """Return an empty log: ours is written to stderr, and not for clients to read."""
    if asked.command["getLog"] == "*":
        return {"names": ["global", "startupWarnings"], "ok": 1.0}
    return {"totalLinesWritten": 0, "log": [], "ok": 1.0}


def command_line(_: Asked) -> dict[str, Any]:
    return {"argv": ["parallax", "gateway"], "parsed": {}, "ok": 1.0}


DIAGNOSTICS: Final[Mapping[str, Callable[[Asked], dict[str, Any]]]] = {
    "ping": ping,
    "buildInfo": build_info,
    "buildinfo": build_info,
    "hostInfo": host_info,
    "connectionStatus": connection_status,
    "getParameter": get_parameter,
    "whatsmyuri": whats_my_uri,
    "getDefaultRWConcern": default_concerns,
    "getLog": get_log,
    "getCmdLineOpts": command_line,
}
