"""The server's side of SCRAM, as far as MongoDB's drivers speak it. Pure: what is random comes in as an argument.

Source: RFC 5802, RFC 7677; MongoDB specifications, "Authentication", sections "SCRAM-SHA-1" and "SCRAM-SHA-256".
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pymongo.saslprep import saslprep

ITERATIONS: Final[Mapping[str, int]] = {"SCRAM-SHA-1": 10_000, "SCRAM-SHA-256": 15_000}
DIGESTS: Final[Mapping[str, str]] = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}
SALT_BYTES: Final[Mapping[str, int]] = {"SCRAM-SHA-1": 16, "SCRAM-SHA-256": 28}
"""As MongoDB's own: what a fake one looks like must not tell it from them."""


class ScramError(Exception):
    """The client does not prove that it knows the password; why is nobody's business."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What a server keeps instead of a password, for one mechanism."""

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


def credential(mechanism: str, user: str, password: str, *, salt: bytes) -> Credential:
    """Return what to keep of a password."""
    digest, iterations = DIGESTS[mechanism], ITERATIONS[mechanism]
    salted = hashlib.pbkdf2_hmac(digest, _secret(mechanism, user, password), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", digest)
    return Credential(
        salt=salt,
        iterations=iterations,
        stored_key=hashlib.new(digest, client_key).digest(),
        server_key=hmac.digest(salted, b"Server Key", digest),
    )


def _secret(mechanism: str, user: str, password: str) -> bytes:
    if mechanism == "SCRAM-SHA-256":
        return str(saslprep(password)).encode()
    # MongoDB's own convention, older than the mechanism.
    text = f"{user}:mongo:{password}".encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest().encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstMessage:
    """What the client begins with."""

    user: str
    nonce: str
    bare: str


def first_message(payload: bytes) -> FirstMessage:
    """Return what the client's first message says."""
    text = _text(payload)
    header, _, rest = text.partition(",")
    authorization, _, bare = rest.partition(",")
    fields = _fields(bare)
    if header not in {"n", "y"} or authorization or not fields.get("n") or not fields.get("r"):
        raise ScramError
    user = fields["n"].replace("=2C", ",").replace("=3D", "=")
    return FirstMessage(user=user, nonce=fields["r"], bare=bare)


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What was asked of the client."""

    mechanism: str
    user: str
    credential: Credential
    nonce: str
    first_bare: str
    payload: bytes


def challenge(mechanism: str, first: FirstMessage, known: Credential, *, nonce: str) -> Challenge:
    """Return the server's first message; `nonce` is the server's part."""
    whole = first.nonce + nonce
    salt = b64encode(known.salt).decode()
    return Challenge(
        mechanism=mechanism,
        user=first.user,
        credential=known,
        nonce=whole,
        first_bare=first.bare,
        payload=f"r={whole},s={salt},i={known.iterations}".encode(),
    )


def verified(asked: Challenge, payload: bytes) -> bytes:
    """Return the server's own proof for a client that has proved its own; ScramError for one that has not."""
    text = _text(payload)
    without_proof, separator, proof = text.rpartition(",p=")
    fields = _fields(without_proof)
    if not separator or fields.get("r") != asked.nonce or fields.get("c") not in {"biws", "eSws"}:
        raise ScramError
    signed = f"{asked.first_bare},{asked.payload.decode()},{without_proof}".encode()
    digest, known = DIGESTS[asked.mechanism], asked.credential
    signature = hmac.digest(known.stored_key, signed, digest)
    given = _decoded(proof)
    if len(given) != len(signature):
        raise ScramError
    client_key = bytes(a ^ b for a, b in zip(given, signature, strict=True))
    if not hmac.compare_digest(hashlib.new(digest, client_key).digest(), known.stored_key):
        raise ScramError
    return b"v=" + b64encode(hmac.digest(known.server_key, signed, digest))


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise ScramError from error


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise ScramError from error


def _fields(text: str) -> dict[str, str]:
    return {part[:1]: part[2:] for part in text.split(",") if part[1:2] == "="}
