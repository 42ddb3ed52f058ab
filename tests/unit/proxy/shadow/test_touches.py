from proxy.shadow.touches import Touches


def test_write_of_a_document_touches_no_other() -> None:
    touches = Touches()
    touches.note("app.users", [b"a"], 10)

    assert touches.since("app.users", b"a", 9)
    assert not touches.since("app.users", b"a", 10)
    assert not touches.since("app.users", b"b", 9)
    assert touches.any_since("app.users", 9)
    assert not touches.any_since("app.others", 9)


def test_write_of_a_collection_touches_each_of_its_documents() -> None:
    touches = Touches()
    touches.note_collection("app.users", 10)

    assert touches.since("app.users", b"a", 9)
    assert not touches.since("app.others", b"a", 9)


def test_dropped_database_touches_every_document_of_it() -> None:
    touches = Touches()
    touches.note_collection("app.", 10)

    assert touches.since("app.users", b"a", 9)
    assert touches.any_since("app.users", 9)
    assert not touches.since("app.users", b"a", 10)
    assert not touches.since("apple.users", b"a", 9)
