"""What several routes take, and what may be wrong with it."""

from typing import Final

from proxy.http import lists, populates
from proxy.http.declared import Kind, Member
from proxy.http.problems import Code

POPULATE: Final = Member(
    name="populate",
    kind=Kind.OBJECTS,
    meaning="References to replace by the documents they point at: `path`, and `select`, `match`, `model`, "
    "`populate` where they are wanted",
    most=populates.MOST,
)
QUERY: Final = (
    Member(name="filter", kind=Kind.OBJECT, meaning="MongoDB's filter; everything without one"),
    Member(name="projection", kind=Kind.OBJECT, meaning="MongoDB's projection"),
    Member(name="sort", kind=Kind.OBJECT, meaning="Paths with 1 or -1, the first one first"),
    Member(
        name="limit",
        kind=Kind.INTEGER,
        meaning="Documents of a page",
        least=1,
        most=lists.MOST,
        default=lists.USUAL,
    ),
    Member(
        name="offset",
        kind=Kind.INTEGER,
        meaning="Documents to skip; not together with `cursor`",
        least=0,
        most=1_000_000,
        default=0,
    ),
    Member(
        name="cursor",
        kind=Kind.TEXT,
        meaning="`next` of the page before; filter and sort must be the same",
        most=2_000,
    ),
    POPULATE,
    Member(
        name="total",
        kind=Kind.BOOLEAN,
        meaning="Count all documents of the list as well",
        default=False,
    ),
)
PROJECTION: Final = (QUERY[1], POPULATE)
FILTER: Final = Member(name="filter", kind=Kind.OBJECT, meaning="MongoDB's filter")
OF_QUERY: Final = (Code.BAD_QUERY, Code.FORBIDDEN_OPERATOR, Code.HIDDEN_FIELD, Code.UNSUPPORTED)
