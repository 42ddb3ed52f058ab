"""Whether MongoDB can be relayed and read."""

import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC
from typing import Any, Final, TypeAlias

from pymongo import AsyncMongoClient, ReadPreference
from pymongo.errors import OperationFailure, PyMongoError, ServerSelectionTimeoutError

from comparators.errors import SettingsError
from proxy.cli.checks.clock import clock
from proxy.cli.checks.finding import Checked, bad, doubtful, good
from proxy.wire.legacy import legacy_servers

TIMEOUT_MS: Final = 3_000
OLDEST: Final = (4, 4)

Client: TypeAlias = AsyncMongoClient[dict[str, Any]]

_REACHABLE: Final = "MongoDB reachable"
_PRIVILEGES: Final = "MongoDB privileges"
_UNAUTHORIZED: Final = 13
_LOGIN_FAILED: Final = 18


async def check_legacy(uri: str) -> AsyncIterator[Checked]:
    """Yield what there is to know of MongoDB; one that does not answer or refuses ends the list."""
    try:
        # What the relay makes of the address: it speaks to MongoDB without the driver.
        legacy_servers(uri)
        client = client_of(uri)
    except SettingsError as error:
        yield bad(_REACHABLE, error.what, error.remedy)
        return
    async with client:
        try:
            async for found in _findings(client):
                yield found
        except OperationFailure as error:
            yield _refusal(error)
        except PyMongoError as error:
            yield bad(
                _REACHABLE,
                f"no answer within {TIMEOUT_MS / 1000:.0f} s ({type(error).__name__})",
                "check host, port, replicaSet and TLS options of legacy.uri",
            )


def client_of(uri: str) -> Client:
    """Return a client that looks once and goes: it keeps no monitor's connection open."""
    return AsyncMongoClient(
        uri,
        serverSelectionTimeoutMS=TIMEOUT_MS,
        serverMonitoringMode="poll",
        appname="parallax doctor",
    )


async def _findings(client: Client) -> AsyncIterator[Checked]:
    anyone = ReadPreference.NEAREST
    hello, asked_s, answered_s = await _hello(client)
    build = await client.admin.command("buildInfo", read_preference=anyone)
    yield good(_REACHABLE, str(hello.get("me") or "yes"))
    yield version(build)
    yield topology(hello)
    there_s = hello["localTime"].replace(tzinfo=UTC).timestamp()
    yield clock("MongoDB clock", there_s=there_s, asked_s=asked_s, answered_s=answered_s)
    # A server that wants a login answers `hello` without one, and refuses this.
    await client.admin.command("listDatabases", nameOnly=True, read_preference=anyone)
    status = await client.admin.command(
        "connectionStatus", showPrivileges=True, read_preference=anyone
    )
    yield privileges(status["authInfo"])


async def _hello(client: Client) -> tuple[Mapping[str, Any], float, float]:
    """Return what the primary, or else any member, says of itself, and when it was asked and had answered."""
    asked_s = time.time()
    try:
        return await client.admin.command("hello"), asked_s, time.time()
    except ServerSelectionTimeoutError:
        if not client.topology_description.has_known_servers:
            raise
    asked_s = time.time()
    hello = await client.admin.command("hello", read_preference=ReadPreference.NEAREST)
    return hello, asked_s, time.time()


def _refusal(error: OperationFailure) -> Checked:
    if error.code == _LOGIN_FAILED:
        return bad(
            _PRIVILEGES,
            "the login is refused (code 18)",
            "correct user, password and authSource in legacy.uri",
        )
    if error.code == _UNAUTHORIZED:
        return bad(
            _PRIVILEGES,
            "a login is required (code 13)",
            "give legacy.uri a user with the role readAnyDatabase",
        )
    return bad(_PRIVILEGES, f"refused with code {error.code}", "see the log of MongoDB")


def version(build: Mapping[str, Any]) -> Checked:
    """Judge the answer to `buildInfo`."""
    shown = str(build["version"])
    if tuple(build["versionArray"][:2]) < OLDEST:
        return doubtful(
            "MongoDB version", shown, "Parallax is made for 4.4 and later; replies may differ"
        )
    return good("MongoDB version", shown)


def topology(hello: Mapping[str, Any]) -> Checked:
    """Judge the answer to `hello`."""
    subject = "MongoDB topology"
    if hello.get("msg") == "isdbgrid":
        return bad(
            subject,
            "mongos of a sharded cluster",
            "sharded clusters are not supported: Parallax follows the primary of a replica set",
        )
    name = hello.get("setName")
    if name is None:
        return doubtful(
            subject,
            "standalone",
            "no transactions, and concurrent writes to one document are `not_comparable`: "
            "a one-member replica set gives both",
        )
    if not hello.get("isWritablePrimary"):
        knows_primary = "primary" in hello
        return bad(
            subject,
            f"a member of {name} that takes no writes"
            if knows_primary
            else f"{name} has no primary",
            "name the whole replica set in legacy.uri, without directConnection"
            if knows_primary
            else "see the log of its members: it may be electing, or have lost its majority",
        )
    return good(subject, f"replica set {name}, members: {len(hello['hosts'])}")


def privileges(login: Mapping[str, Any]) -> Checked:
    """Judge `authInfo` of `connectionStatus`: the verifier reads the documents that operations touched."""
    users = login["authenticatedUsers"]
    if not users:
        return good(_PRIVILEGES, "no login is required")
    everywhere = [
        privilege
        for privilege in login["authenticatedUserPrivileges"]
        if privilege["resource"] in ({"db": "", "collection": ""}, {"anyResource": True})
        and {"find", "anyAction"} & set(privilege["actions"])
    ]
    if everywhere:
        return good(_PRIVILEGES, f"{users[0]['user']} may read every database")
    return doubtful(
        _PRIVILEGES,
        f"{users[0]['user']} may not read every database",
        "grant readAnyDatabase, or at least read on the application's: "
        "rechecks and state checks read the documents concerned",
    )
