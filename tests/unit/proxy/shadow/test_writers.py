from proxy.shadow.writers import Writer, Writers


def test_the_oldest_writes_are_forgotten() -> None:
    writers = Writers()
    for position in range(30_000):
        writers.note(position, Writer(f"shape {position}"))

    assert writers.of(29_999) == Writer("shape 29999")
    assert writers.of(0) is None
