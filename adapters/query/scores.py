"""Where a score is asked for that no `$text` gives.

Source: observed on a server 6.0, which looks for the mistakes of a projection and of a sort first.
"""

from collections.abc import Mapping
from typing import Any, Final

from adapters.query.expression import Scope
from adapters.query.failures import CommandFailure
from adapters.query.filter import Filter, texts_of
from adapters.query.projection import parse_projection
from adapters.query.sort import parse_sort

NO_SCORE: Final = 40218
SCORE: Final[Mapping[str, Any]] = {"$meta": "textScore"}
SLICE: Final[Mapping[str, Any]] = {"$slice": 1}


def check_scores(
    projection: Mapping[str, Any],
    sort: Mapping[str, Any],
    *,
    filter: Filter,  # noqa: A002 - MongoDB's word
    variables: Scope,
) -> None:
    """Raise CommandFailure for a `find` without `$text` that shows a score or sorts by one."""
    if texts_of(filter):
        # The score is there, but not known: each is refused where it is parsed.
        return
    if SCORE in projection.values():
        # `$slice` may stand wherever a score may.
        rest = {name: SLICE if each == SCORE else each for name, each in projection.items()}
        parse_projection(rest, filter=filter, variables=variables)
    elif SCORE in sort.values():
        parse_sort({name: 1 if each == SCORE else each for name, each in sort.items()})
    else:
        return
    raise CommandFailure(NO_SCORE, "query requires text score metadata, but it is not available")
