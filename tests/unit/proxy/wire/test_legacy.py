import ssl
from pathlib import Path

import pytest
import trustme

from comparators.errors import SettingsError
from proxy.wire.legacy import Address, legacy_servers, shown_address


def test_all_hosts_are_seeds_and_the_default_port_is_known() -> None:
    servers = legacy_servers("mongodb://a:1,b,[::1]:3/app?replicaSet=rs0")

    assert servers.seeds == (Address("a", 1), Address("b", 27017), Address("::1", 3))
    assert not servers.is_direct
    assert servers.tls is None
    assert servers.monitor_options["replicaset"] == "rs0"


def test_credentials_are_not_used_to_watch() -> None:
    uri = "mongodb://user:pa%40ss@a/app?authSource=admin&authMechanism=SCRAM-SHA-256"

    servers = legacy_servers(uri)

    assert dict(servers.monitor_options) == {}


def test_a_direct_connection_follows_nobody() -> None:
    assert legacy_servers("mongodb://a/?directConnection=true").is_direct
    assert not legacy_servers("mongodb://a/?directConnection=false").is_direct


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    authority = trustme.CA()
    certificate = authority.issue_cert("client.example")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))
    return {name: str(tmp_path / f"{name}.pem") for name in ("ca", "client")}


def test_tls_verifies_certificate_and_host_by_default(files: dict[str, str]) -> None:
    tls = legacy_servers(f"mongodb://a/?tls=true&tlsCAFile={files['ca']}").tls

    assert tls is not None
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname
    assert len(tls.get_ca_certs()) == 1


def test_a_client_certificate_is_loaded(files: dict[str, str]) -> None:
    uri = f"mongodb://a/?tls=true&tlsCertificateKeyFile={files['client']}"

    assert legacy_servers(uri).tls is not None


@pytest.mark.parametrize("option", ["tlsInsecure", "tlsAllowInvalidCertificates"])
def test_what_the_uri_does_not_want_verified_is_not(option: str) -> None:
    tls = legacy_servers(f"mongodb://a/?tls=true&{option}=true").tls

    assert tls is not None
    assert tls.verify_mode is ssl.CERT_NONE


def test_a_host_name_may_go_unverified_alone() -> None:
    tls = legacy_servers("mongodb://a/?tls=true&tlsAllowInvalidHostnames=true").tls

    assert tls is not None
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert not tls.check_hostname


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://a",
        "mongodb://",
        "mongodb://a:port",
        "mongodb://user:hunter2:word@a",
        "mongodb://a/?tls=true&tlsCAFile=/no/such/file",
        "mongodb://%2Ftmp%2Fmongodb-27017.sock",
        "mongodb://a,b/?directConnection=true",
    ],
)
def test_a_uri_that_cannot_be_used_names_the_setting(uri: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        legacy_servers(uri)

    assert refusal.value.where == "[legacy] uri"
    assert "hunter2" not in refusal.value.what


def test_a_certificate_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")

    with pytest.raises(SettingsError, match="certificates"):
        legacy_servers(f"mongodb://a/?tls=true&tlsCAFile={tmp_path / 'empty.pem'}")


def test_ipv6_is_shown_in_brackets() -> None:
    assert shown_address("::1", 27018) == "[::1]:27018"
    assert str(Address("mongo", 1)) == "mongo:1"
