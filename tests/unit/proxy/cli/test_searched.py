"""Which search engine the settings, or LibreChat's variables, name."""

import asyncio

import pytest

from comparators.errors import RefusedError, SettingsError
from proxy.cli.searched import beside, engine_of, engine_url
from proxy.settings import Settings
from proxy.settings_sections import Search


@pytest.mark.parametrize(
    ("url", "key", "made"),
    [
        ("http://search:7700", "a/b", "meilisearch://:a%2Fb@search:7700/"),
        ("https://search.example", "", "meilisearch://search.example:443/?tls=verified"),
        ("http://[::1]", "k", "meilisearch://:k@[::1]:80/"),
        ("meilisearch://:k@search", "other", "meilisearch://:k@search"),
    ],
)
def test_an_address_is_taken_as_meilisearch_tells_it(url: str, key: str, made: str) -> None:
    assert engine_url(url, key) == made


def test_there_is_an_engine_only_where_it_is_enabled_and_has_an_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MEILI_HOST", "http://search:7700")
    assert engine_of(Settings()) is None
    assert engine_of(Settings(search=Search(enabled=True))) is not None

    monkeypatch.setenv("MEILI_HOST", "search:7700")
    with pytest.raises(SettingsError, match="address"):
        engine_of(Settings(search=Search(enabled=True)))

    monkeypatch.delenv("MEILI_HOST")
    with pytest.raises(SettingsError, match="no address") as error:
        engine_of(Settings(search=Search(enabled=True)))
    assert error.value.where == "search.url"


async def test_jobs_end_with_the_block_and_its_error_stays_what_it_is() -> None:
    ended = asyncio.Event()

    class Waiting:
        async def run(self) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    async def fails() -> None:
        async with beside(Waiting(), None):
            await asyncio.sleep(0)
            raise RefusedError("no", where="here", remedy="none")

    with pytest.raises(RefusedError, match="no"):
        await fails()

    assert ended.is_set()
