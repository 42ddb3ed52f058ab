"""Logins of drivers: SCRAM with users of our own, begun in `hello` or by a command of its own.

Whoever is not known is asked as if they were, and fails at the end, so that nobody learns who is.
Source: MongoDB specifications, "Authentication", sections "SaslStart", "Speculative Authentication".
"""

import hmac
import secrets
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from proxy.serving.asked import Asked
from proxy.serving.client import Client
from proxy.serving.refusals import AUTHENTICATION_FAILED, BAD_VALUE, RefusalError
from proxy.serving.scram import (
    DIGESTS,
    ITERATIONS,
    SALT_BYTES,
    Challenge,
    Credential,
    ScramError,
    challenge,
    first_message,
    verified,
)
from proxy.serving.users import Users

_log = structlog.get_logger()

CONVERSATION: Final = 1
NONCE_BYTES: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Underway:
    """A login that is not finished; `proved` once the client has shown that it knows the password."""

    challenge: Challenge
    skips_empty: bool
    proved: bool = False


class Login:
    """Lets clients in."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self._fake = secrets.token_bytes(32)

    def greeted(self, asked: Asked) -> dict[str, Any]:
        """Return what `hello` tells of logins: the mechanisms of a user, and the answer to a login begun in it."""
        told: dict[str, Any] = {}
        name = asked.command.get("saslSupportedMechs")
        if isinstance(name, str):
            told["saslSupportedMechs"] = sorted(DIGESTS)
        begun = asked.command.get("speculativeAuthenticate")
        if isinstance(begun, Mapping) and "saslStart" in begun and self._users.are_required:
            try:
                told["speculativeAuthenticate"] = self.start(asked.client, begun)
            except RefusalError:
                # The driver then begins anew by a command, and is told why it fails.
                return told
        return told

    def start(self, client: Client, command: Mapping[str, Any]) -> dict[str, Any]:
        """Begin a login, and return what the client is asked."""
        mechanism = command.get("mechanism")
        if not isinstance(mechanism, str) or mechanism not in DIGESTS:
            raise RefusalError(
                BAD_VALUE, f"Received authentication for mechanism {mechanism} which is unknown"
            )
        options = command.get("options")
        try:
            first = first_message(bytes(command.get("payload", b"")))
        except ScramError as error:
            raise _failed(client) from error
        known = self._users.credential(first.user, mechanism) or self._made_up(
            first.user, mechanism
        )
        nonce = b64encode(secrets.token_bytes(NONCE_BYTES)).decode()
        asked = challenge(mechanism, first, known, nonce=nonce)
        skips = isinstance(options, Mapping) and bool(options.get("skipEmptyExchange"))
        client.login = Underway(challenge=asked, skips_empty=skips)
        return _said(asked.payload, done=False)

    def go_on(self, client: Client, command: Mapping[str, Any]) -> dict[str, Any]:
        """Take the client's answer; it is logged in when it was right."""
        underway = client.login
        client.login = None
        if not isinstance(underway, Underway):
            raise RefusalError(17, "No SASL session state found")
        if underway.proved:
            client.user = underway.challenge.user
            return _said(b"", done=True)
        try:
            proof = verified(underway.challenge, bytes(command.get("payload", b"")))
        except ScramError as error:
            raise _failed(client) from error
        if underway.skips_empty:
            client.user = underway.challenge.user
        else:
            client.login = Underway(challenge=underway.challenge, skips_empty=False, proved=True)
        return _said(proof, done=underway.skips_empty)

    def _made_up(self, user: str, mechanism: str) -> Credential:
        """Return a credential that no password fits, always the same for a name."""
        drawn = hmac.digest(self._fake, f"{mechanism} {user}".encode(), "sha512")
        return Credential(
            salt=drawn[: SALT_BYTES[mechanism]],
            iterations=ITERATIONS[mechanism],
            stored_key=secrets.token_bytes(32),
            server_key=secrets.token_bytes(32),
        )


def _said(payload: bytes, *, done: bool) -> dict[str, Any]:
    return {"conversationId": CONVERSATION, "done": done, "payload": payload}


def _failed(client: Client) -> RefusalError:
    _log.warning("login_failed", peer=client.peer)
    return RefusalError(AUTHENTICATION_FAILED, "Authentication failed.")
