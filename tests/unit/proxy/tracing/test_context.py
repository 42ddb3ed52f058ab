from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.tracing.context import Parent, parent_of

HEADER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PARENT = Parent(
    trace_id=0x0AF7651916CD43DD8448EB211C80319C, span_id=0xB7AD6B7169203331, is_sampled=True
)


@pytest.mark.parametrize(
    "comment",
    [
        HEADER,
        {"traceparent": HEADER},
        {"traceparent": HEADER, "tracestate": "vendor=1", "route": "/users"},
        f"traceparent='{HEADER}'",
        f"controller='users',route='%2Fusers',traceparent='{HEADER}',tracestate='vendor%3D1'",
        f"/* traceparent='{HEADER}' */",
        f'{{"traceparent": "{HEADER}"}}',
        HEADER.replace("00-", "01-", 1) + "-what-is-to-come",
    ],
)
def test_a_comment_that_names_the_span_of_the_application(comment: Any) -> None:
    if isinstance(comment, str) and comment.endswith("come"):
        comment = comment.replace("what-is-to-come", "ab")

    assert parent_of(comment) == PARENT


def test_the_flag_says_whether_the_application_records_the_span() -> None:
    unsampled = parent_of(HEADER[:-2] + "00")

    assert unsampled is not None
    assert not unsampled.is_sampled
    assert parent_of(HEADER[:-2] + "03") == PARENT


@pytest.mark.parametrize(
    "comment",
    [
        None,
        7,
        [HEADER],
        "",
        "why this is asked",
        {"traceparent": 7},
        {"parent": HEADER},
        HEADER.upper(),
        HEADER[:-1],
        f"{HEADER}-00",
        f"{HEADER}0",
        HEADER.replace("00-", "ff-", 1),
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
        "x" * 5000 + f" traceparent='{HEADER}'",
    ],
)
def test_a_comment_that_names_no_span(comment: Any) -> None:
    assert parent_of(comment) is None


@given(st.text() | st.dictionaries(st.text(), st.text()) | st.binary())
def test_no_comment_is_an_error(comment: Any) -> None:
    parent_of(comment)
