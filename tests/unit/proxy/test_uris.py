import pytest

from proxy.uris import Address, address_of, redacted_uri, uri_through


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:27018", Address("127.0.0.1", 27018)),
        ("proxy.internal:1", Address("proxy.internal", 1)),
        ("[::1]:65535", Address("::1", 65535)),
    ],
)
def test_host_and_port_are_told_apart(text: str, address: Address) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize(
    "text", ["", "host", ":1", "host:", "host:x", "::1:1", "host:65536", "a b:1"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        address_of(text)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("mongodb://h1:1,h2:2/db?replicaSet=rs0", "mongodb://h1:1,h2:2/db?replicaSet=rs0"),
        ("mongodb://u:pw@h1:1,h2:2/", "mongodb://u:***@h1:1,h2:2/"),
        ("mongodb+srv://u:p%40w@h/", "mongodb+srv://u:***@h/"),
        ("mongodb://u@h/", "mongodb://u@h/"),
        ("postgresql://u:p@ss/wo:rd@h/db", "postgresql://u:***@h/db"),
        ("postgresql://:pw@h/db", "postgresql://:***@h/db"),
        (
            "postgresql://h/db?user=u&password=pw&sslmode=require",
            "postgresql://h/db?user=u&password=***&sslmode=require",
        ),
        (
            "mongodb://h/?tlsCertificateKeyFilePassword=pw",
            "mongodb://h/?tlsCertificateKeyFilePassword=***",
        ),
        (
            "mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:t",
            "mongodb://h/?authMechanismProperties=***",
        ),
        ("sqlite:///data/ledger.db", "sqlite:///data/ledger.db"),
    ],
)
def test_an_address_is_shown_without_its_secrets(uri: str, shown: str) -> None:
    assert redacted_uri(uri) == shown


@pytest.mark.parametrize(
    ("uri", "listen", "through"),
    [
        (
            "mongodb://u:p%40@h1:1,h2:2/chat?replicaSet=rs0&tls=true&authSource=admin&w=1",
            "127.0.0.1:27018",
            "mongodb://u:p%40@127.0.0.1:27018/chat?authSource=admin&w=1&directConnection=true",
        ),
        ("mongodb://h", "0.0.0.0:5", "mongodb://127.0.0.1:5/?directConnection=true"),
        ("mongodb://h/", "[::]:5", "mongodb://[::1]:5/?directConnection=true"),
        (
            "mongodb+srv://u:p@h/chat?readPreference=secondary",
            "10.0.0.1:5",
            "mongodb://u:p@10.0.0.1:5/chat?directConnection=true&authSource=admin",
        ),
    ],
)
def test_the_way_through_a_relay_keeps_who_asks_and_for_what(
    uri: str, listen: str, through: str
) -> None:
    assert uri_through(uri, address_of(listen)) == through
