import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.flags.document import EMPTY, SHADOW, Said, parsed, said, standings, with_flag
from proxy.flags.phases import Direction, Phase

SHIPPED = Path(__file__).parents[4] / "config" / "flags.json"
READS, WRITES = Direction.READS, Direction.WRITES
TENTH = Said(phase=Phase.OFF, percent=10)


def flag(**changes: Any) -> dict[str, Any]:
    return {
        "state": "ENABLED",
        "variants": {"off": "off", "shadow": "shadow"},
        "defaultVariant": "shadow",
        **changes,
    }


def test_the_file_that_ships_leaves_everything_in_shadow() -> None:
    document = parsed(SHIPPED.read_text())

    assert [(each.direction, each.namespace, each.said) for each in standings(document)] == [
        (READS, "", SHADOW),
        (WRITES, "", SHADOW),
    ]


def test_what_was_set_is_what_stands() -> None:
    document = with_flag(EMPTY, READS, "app.users", TENTH)

    assert said(document, READS, "app.users") == TENTH
    assert said(document, WRITES, "app.users") == SHADOW
    assert said(document, READS, "app.posts") == SHADOW
    assert parsed(json.dumps(document)) == document


def test_a_collection_without_a_flag_goes_by_the_default() -> None:
    document = with_flag(EMPTY, READS, "", Said(phase=Phase.OFF))

    assert said(document, READS, "app.users") == Said(phase=Phase.OFF)


def test_a_disabled_flag_says_shadow() -> None:
    document = {"flags": {"reads:app.users": flag(state="DISABLED", defaultVariant="off")}}

    assert said(document, READS, "app.users") == SHADOW


def test_targeting_that_is_no_percentage_is_shown_as_such() -> None:
    targeting = {"if": [{"==": [{"var": "kind"}, "find"]}, "off", "shadow"]}
    document = parsed(json.dumps({"flags": {"reads": flag(targeting=targeting)}}))

    assert str(said(document, READS, "app.users")) == "by targeting, else shadow"


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([], "no object `flags`"),
        ({"flags": []}, "no object `flags`"),
        ({"flags": {"read": flag()}}, "'read' is neither"),
        ({"flags": {"reads:users": flag()}}, "'reads:users' is neither"),
        ({"flags": {"reads": 1}}, "no object"),
        ({"flags": {"reads": flag(state="ON")}}, "state"),
        ({"flags": {"reads": flag(variants={})}}, "variants"),
        ({"flags": {"reads": flag(variants={"on": "on"})}}, "'on' is no phase"),
        ({"flags": {"reads": flag(variants={"off": "shadow"})}}, "'off' is no phase"),
        ({"flags": {"reads": flag(defaultVariant="gateway")}}, "defaultVariant"),
        ({"flags": {"reads": flag(targeting=[1])}}, "targeting"),
        ({"flags": {"reads": flag(metadata=[1])}}, "metadata"),
        ({"flags": {"reads": flag(state=[])}}, "state"),
        ({"flags": {"reads": flag(variants={"off": {}})}}, "'off' is no phase"),
        ({"flags": {"reads": flag(defaultVariant=[])}}, "defaultVariant"),
        ({"flags": {}, "$evaluators": 3}, "does not take it"),
    ],
)
def test_what_is_wrong_is_told(document: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parsed(json.dumps(document))


def test_a_file_that_is_nested_without_end_is_told() -> None:
    with pytest.raises(ValueError, match="nested"):
        parsed("[" * 100_000)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["ENABLED", "off", "shadow", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
NAMES = ("state", "variants", "defaultVariant", "targeting", "metadata", "$evaluators")


@given(
    changes=st.dictionaries(st.sampled_from(NAMES), values),
    others=st.dictionaries(st.sampled_from(NAMES), values),
)
def test_nothing_in_a_file_ends_who_reads_it(
    changes: dict[str, Any], others: dict[str, Any]
) -> None:
    text = json.dumps({"flags": {"reads": {**flag(), **changes}}, **others})

    try:
        document = parsed(text)
    except ValueError:
        return
    standings(document)
