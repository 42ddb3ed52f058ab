import bson

from adapters.mongodb.replies import read_reply
from comparators.operation import Kind
from comparators.outcome import Acknowledgement, Failure, WriteError

WHOLE = "caused by: héllo"
CUT = WHOLE.encode()[:13]
"""A server shortens a message at any byte: here inside of a character."""


def _cut(reply: dict[str, object]) -> bytes:
    return bson.encode(reply).replace(b"caused by: ha", CUT)


def test_a_message_cut_inside_a_character_is_a_failure_like_any_other() -> None:
    body = _cut(
        {"ok": 0.0, "errmsg": "caused by: ha", "code": 241, "codeName": "ConversionFailure"}
    )

    reply = read_reply(Kind.AGGREGATE, body)

    assert reply.result == Failure(code=241, code_name="ConversionFailure")


def test_a_message_of_one_statement_may_be_cut_too() -> None:
    errors = [{"index": 0, "code": 2, "errmsg": "caused by: ha"}]
    body = _cut({"n": 0, "nModified": 0, "writeErrors": errors, "ok": 1.0})

    reply = read_reply(Kind.UPDATE, body)

    assert reply.result == Acknowledgement(n=0, modified=0, errors=(WriteError(index=0, code=2),))
