"""Both mechanisms against the exchanges printed in the documents that define them."""

from base64 import b64decode

import pytest

from proxy.serving.scram import (
    Challenge,
    ScramError,
    challenge,
    credential,
    first_message,
    verified,
)

# RFC 7677, section 3; its iterations are fewer than MongoDB's, so that the credential is made by hand.
CLIENT_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
SALT = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)


def asked(monkeypatch: pytest.MonkeyPatch) -> Challenge:
    monkeypatch.setattr("proxy.serving.scram.ITERATIONS", {"SCRAM-SHA-256": 4096})
    known = credential("SCRAM-SHA-256", "user", "pencil", salt=SALT)
    return challenge("SCRAM-SHA-256", first_message(CLIENT_FIRST), known, nonce=SERVER_NONCE)


def test_the_printed_exchange_is_followed_to_the_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    given = asked(monkeypatch)

    assert given.payload == (
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    assert verified(given, CLIENT_FINAL) == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize(
    "wrong",
    [
        CLIENT_FINAL.replace(b"p=dH", b"p=eH"),
        CLIENT_FINAL.replace(b"r=rO", b"r=xO"),
        CLIENT_FINAL.replace(b"c=biws", b"c=eSws"),
        CLIENT_FINAL.partition(b",p=")[0],
        CLIENT_FINAL + b"!",
        b"",
        b"\xff",
    ],
)
def test_anything_else_proves_nothing(wrong: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ScramError):
        verified(asked(monkeypatch), wrong)


@pytest.mark.parametrize(
    "wrong", [b"", b"n,,", b"p=tls-unique,,n=a,r=b", b"n,a=x,n=a,r=b", b"\xff"]
)
def test_a_first_message_without_name_and_nonce_is_refused(wrong: bytes) -> None:
    with pytest.raises(ScramError):
        first_message(wrong)


def test_a_name_may_hold_what_separates_fields() -> None:
    assert first_message(b"n,,n=a=2Cb=3Dc,r=x").user == "a,b=c"
