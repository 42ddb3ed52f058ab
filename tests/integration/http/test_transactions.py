"""Transactions that live longer than one request, on every database."""

from uuid import uuid4

import pytest

from tests.eventually import eventually
from tests.integration.http.conftest import Api
from tests.integration.http.test_documents import message

pytestmark = pytest.mark.parametrize(
    "served", ["mongodb", "postgresql", "mysql", "sqlite"], indirect=True
)

ENDED = {"abort": "aborted", "commit": "committed"}


async def begun(api: Api, timeout_s: float | None = None) -> dict[str, str]:
    """Begin a transaction and return the header that names it."""
    body = {} if timeout_s is None else {"timeout_s": timeout_s}
    answer = await api("POST", "/v1/transactions", body)
    assert answer.status == 201, answer
    return {"Transaction": answer.body["id"]}


async def ended(api: Api, transaction: dict[str, str], how: str) -> tuple[int, str]:
    answer = await api("POST", f"/v1/transactions/{transaction['Transaction']}/{how}")
    return answer.status, answer.body.get("state") or answer.code


async def test_it_is_seen_by_itself_until_it_is_committed(api: Api) -> None:
    conversation = str(uuid4())
    own = {"filter": {"conversationId": conversation}}
    for how, kept in (("abort", 0), ("commit", 1)):
        inside = await begun(api)
        made = await api(
            "POST", "/v1/Message", message(conversationId=conversation), headers=inside
        )
        assert made.status == 201, made
        seen = await api("POST", "/v1/Message/count", own, headers=inside)
        outside = await api("POST", "/v1/Message/count", own)
        assert (seen.body, outside.body) == ({"count": 1}, {"count": 0})
        foreign = await api("POST", "/v1/Message/count", own, headers=inside, token="writer")
        assert (foreign.status, foreign.code) == (404, "no_such_transaction")

        assert await ended(api, inside, how) == (200, ENDED[how])
        assert (await api("POST", "/v1/Message/count", own)).body == {"count": kept}
        assert await ended(api, inside, how) == (404, "no_such_transaction")


async def test_what_is_refused_undoes_it(api: Api) -> None:
    once = message(conversationId=str(uuid4()))
    inside = await begun(api)
    assert (await api("POST", "/v1/Message", once, headers=inside)).status == 201
    unfit = await api("POST", "/v1/Message", {"text": "x"}, headers=inside)
    assert (unfit.status, unfit.code) == (422, "invalid")
    twice = await api("POST", "/v1/Message", once, headers=inside)
    assert (twice.status, twice.code) == (409, "duplicate")

    code = (await ended(api, inside, "commit"))[1]
    assert code in {"transaction_over", "no_such_transaction"}
    own = {"filter": {"conversationId": once["conversationId"]}}
    assert (await api("POST", "/v1/Message/count", own)).body == {"count": 0}


async def test_it_times_out_and_no_more_are_open_than_allowed(api: Api) -> None:
    conversation = str(uuid4())
    open_ = [await begun(api) for _ in range(4)]
    more = await api("POST", "/v1/transactions", {})
    assert (more.status, more.code) == (429, "too_many_transactions")
    for each in open_:
        assert await ended(api, each, "abort") == (200, "aborted")
    brief = await begun(api, timeout_s=0.3)
    # On a busy machine it may be over by now.
    made = await api("POST", "/v1/Message", message(conversationId=conversation), headers=brief)
    assert made.status in {201, 404, 409}
    own = {"filter": {"conversationId": conversation}}

    async def is_over() -> bool:
        return (await api("POST", "/v1/Message/count", own, headers=brief)).status == 404

    await eventually(is_over, within_s=20)
    assert (await api("POST", "/v1/Message/count", own)).body == {"count": 0}
