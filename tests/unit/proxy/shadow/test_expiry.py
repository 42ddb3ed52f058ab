from collections.abc import Callable
from typing import Any, cast

import pytest
from bson.datetime_ms import DatetimeMS

from adapters.gateway import Expiry, Gateway
from comparators.operation import Kind, Operation
from proxy.shadow.expiry import Expiries
from proxy.shadow.patience import Outage, Side

NOW_NS = 1_700_000_000_000_000_000
UNEXPIRED = {
    "$nor": [
        {"expires": {"$lte": DatetimeMS(1_700_000_001_000)}},
        {"seen": {"$lte": DatetimeMS(1_699_999_941_000)}},
    ]
}
GROUP = {"$group": {"_id": "$k", "n": {"$sum": 1}}}


class Indexed:
    """A gateway of which nothing but its TTL indexes is asked."""

    def __init__(self, *indexes: Expiry) -> None:
        self._indexes = indexes

    async def expiring(self, namespace: str) -> tuple[Expiry, ...]:
        assert namespace == "app.tokens"
        return self._indexes


def expiries(*indexes: Expiry) -> Expiries:
    ended = cast("Callable[[Side, int, int], None]", pytest.fail)
    return Expiries(cast("Gateway", Indexed(*indexes)), Outage(Side.GATEWAY, ended))


def operation(kind: Kind, **arguments: Any) -> Operation:
    return Operation(database="app", collection="tokens", kind=kind, arguments=arguments)


async def narrowed(kind: Kind, **arguments: Any) -> dict[str, Any] | None:
    indexed = expiries(Expiry(path="expires", after_s=0), Expiry(path="seen", after_s=60))
    found = await indexed.unexpired(operation(kind, **arguments), NOW_NS)
    return None if found is None else dict(found.arguments)


async def test_a_count_is_narrowed_by_its_query() -> None:
    assert await narrowed(Kind.COUNT, query={"k": 1}, limit=5) == {
        "query": {"$and": [{"k": 1}, UNEXPIRED]},
        "limit": 5,
    }
    assert await narrowed(Kind.DISTINCT, key="k") == {
        "key": "k",
        "query": {"$and": [{}, UNEXPIRED]},
    }


async def test_a_pipeline_is_narrowed_at_its_front() -> None:
    matching = await narrowed(Kind.AGGREGATE, pipeline=[{"$match": {"k": 1}}, GROUP])
    grouping = await narrowed(Kind.AGGREGATE, pipeline=[GROUP])

    assert matching == {"pipeline": [{"$match": {"$and": [{"k": 1}, UNEXPIRED]}}, GROUP]}
    assert grouping == {"pipeline": [{"$match": UNEXPIRED}, GROUP]}


async def test_what_must_stand_in_front_stays_there() -> None:
    assert await narrowed(Kind.AGGREGATE, pipeline=[{"$geoNear": {}}, GROUP]) is None
    assert await narrowed(Kind.AGGREGATE, pipeline=[]) is None
    assert await narrowed(Kind.LIST_INDEXES) is None


async def test_without_a_ttl_index_the_question_stays_as_it_is() -> None:
    asked = operation(Kind.COUNT, query={})

    assert await expiries().unexpired(asked, NOW_NS) is asked
