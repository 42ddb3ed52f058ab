from adapters.sql.names import LONGEST_NAME, named, shortened


def test_names_that_postgresql_would_cut_stay_distinct() -> None:
    one, other = named("x" * 60, "drift"), named("x" * 61, "drift")

    assert one != other
    assert max(len(one), len(other)) <= LONGEST_NAME


def test_a_short_name_stays_readable() -> None:
    assert named("users", "drift") == "users~drift"
    assert shortened("a~b\0", "~id").startswith("a-b~")
