from proxy.flags.document import EMPTY, Said, with_flag
from proxy.flags.phases import Direction, Phase
from proxy.flags.shares import TARGETING, phases_of, phases_served

USERS, FILES = "app.users", "app.files"


def test_without_flags_everything_is_in_shadow() -> None:
    assert phases_of([USERS]) == {
        (USERS, Direction.READS): {"shadow": 1.0},
        (USERS, Direction.WRITES): {"shadow": 1.0},
    }


def test_a_canary_holds_for_its_share_and_the_rest_is_what_it_was() -> None:
    canary = Said(phase=Phase.CANARY, percent=25)
    document = with_flag(EMPTY, Direction.READS, USERS, canary)
    document = with_flag(document, Direction.WRITES, "", Said(phase=Phase.DUAL))

    found = phases_of([USERS, FILES], document)

    assert found[USERS, Direction.READS] == {"canary": 0.25, "shadow": 0.75}
    assert found[FILES, Direction.READS] == {"shadow": 1.0}
    assert found[USERS, Direction.WRITES] == found[FILES, Direction.WRITES] == {"dual": 1.0}


def test_of_targeting_that_somebody_wrote_no_share_is_known() -> None:
    document = with_flag(EMPTY, Direction.READS, USERS, Said(phase=Phase.CANARY))
    document["flags"][f"reads:{USERS}"]["targeting"] = {"if": [True, "canary", "shadow"]}

    assert phases_of([USERS], document)[USERS, Direction.READS] == {TARGETING: 1.0}


def test_a_cut_over_is_the_gateway_until_everybody_has_crossed() -> None:
    document = with_flag(EMPTY, Direction.READS, "", Said(phase=Phase.CUTOVER))

    assert phases_of([USERS], document)[USERS, Direction.READS] == {"gateway": 1.0}
    assert phases_of([USERS], document, is_through=True)[USERS, Direction.WRITES] == {
        "cutover": 1.0
    }


def test_of_another_provider_is_known_what_the_relay_goes_by() -> None:
    found = phases_served([USERS], {f"reads:{USERS}": Said(phase=Phase.GATEWAY)})

    assert found == {
        (USERS, Direction.READS): {"gateway": 1.0},
        (USERS, Direction.WRITES): {"shadow": 1.0},
    }
