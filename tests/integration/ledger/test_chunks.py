from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.ledger import chunks
from proxy.ledger.access import opened
from proxy.ledger.chunks import Chunk, Chunks
from proxy.ledger.write import Ledger


@pytest.fixture
async def stored(tmp_path: Path) -> AsyncIterator[Chunks]:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    ledger = await Ledger.open(url)
    await ledger.close()
    async with opened(url) as access:
        yield Chunks(access)


async def test_one_command_at_a_time_has_a_collection(
    stored: Chunks, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await stored.claim("shop.users", "one")
    assert not await stored.claim("shop.users", "other")
    assert await stored.claim("shop.orders", "other")
    assert await stored.claim("shop.users", "one")

    monkeypatch.setattr(chunks, "STALE_NS", 0)

    assert await stored.claim("shop.users", "other")


async def test_a_collection_that_was_let_go_is_free(stored: Chunks) -> None:
    await stored.claim("shop.users", "one")
    await stored.let_go("shop.users")

    assert await stored.claim("shop.users", "other")


async def test_chunks_that_are_merged_stay_until_all_is_forgotten(stored: Chunks) -> None:
    planned = [Chunk(ordinal=0, upper=b"b"), Chunk(ordinal=1, lower=b"b")]
    await stored.plan("shop.users", planned)
    await stored.merged("shop.users", 1, 17)

    assert await stored.of("shop.users") == [planned[0], Chunk(ordinal=1, lower=b"b", documents=17)]
    await stored.forget("shop.users")
    assert await stored.of("shop.users") == []
