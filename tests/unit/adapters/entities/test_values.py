from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.entities.entity import ColumnType
from adapters.entities.tags import Tag
from adapters.entities.values import HOLDERS, NATURAL
from tests.differential.grammar.mapped import KINDS, anything


@pytest.mark.parametrize("kind", list(NATURAL))
@settings(max_examples=200)
@given(value=st.one_of(*KINDS.values(), anything))
def test_the_quicker_way_holds_the_values_of_the_natural_type(kind: ColumnType, value: Any) -> None:
    found = HOLDERS[kind](value)
    wanted = found.value if found is not None and found.tag is Tag.NATURAL else None

    natural = NATURAL[kind](value)

    assert natural == wanted
    assert type(natural) is type(wanted)
