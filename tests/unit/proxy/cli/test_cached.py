"""When the cache of the HTTP API is used."""

from pathlib import Path

from structlog.testing import capture_logs

from proxy.capture.authority import Authority, write_authority
from proxy.cli.cached import LOOK_S, is_relay, usage_of
from proxy.settings import Settings
from proxy.settings_sections import Cache, Capture, Listen

RELAY = "mongodb://u:p@127.0.0.1:27018/app?x=1"


def test_the_relay_is_known_by_its_address() -> None:
    assert is_relay(Settings(), RELAY)
    assert not is_relay(Settings(), "mongodb://127.0.0.1:27017/app")
    assert is_relay(Settings(), "mongodb://elsewhere,localhost:27018/app")
    assert not is_relay(Settings(), "mongodb://elsewhere:27018/app")
    assert not is_relay(Settings(), "postgresql://127.0.0.1:27018/app")
    assert is_relay(Settings(listen=Listen(address="0.0.0.0:1")), "mongodb://elsewhere:1")


def test_it_is_used_before_the_relay_only_after_the_cut_over(tmp_path: Path) -> None:
    settings = Settings(capture=Capture(directory=str(tmp_path)))
    now_s = 0.0
    is_used = usage_of(settings, RELAY, lambda: now_s)
    seen = []

    with capture_logs() as told:
        for is_gateway in (False, True, True, False):
            write_authority(tmp_path, Authority(is_gateway=is_gateway))
            seen.append(is_used())
            now_s += LOOK_S
        (tmp_path / "authority.json").write_text("?")
        seen.append(is_used())

    assert seen == [False, True, True, False, False]
    assert [each["event"] for each in told] == ["cache_bypassed", "cache_used", "cache_bypassed"]


def test_it_is_used_elsewhere_and_where_it_is_what_is_tested() -> None:
    tested = Settings(cache=Cache(while_verifying=True))

    with capture_logs() as told:
        assert usage_of(tested, RELAY, lambda: 0.0)()
    assert usage_of(Settings(), "mongodb://127.0.0.1:27017/app", lambda: 0.0)()
    assert [each["event"] for each in told] == ["cache_hides_reads"]
