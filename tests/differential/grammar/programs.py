"""Random programs of each family."""

from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st

from comparators.operation import Kind
from tests.differential.grammar import documents_of_kinds, operations, pipelines
from tests.differential.grammar.expressions import expressions
from tests.differential.grammar.values import documents, names, paths, values
from tests.differential.programs.program import OTHERS, Document, Program, Step

Programs = st.SearchStrategy[Program]
STEPS: Final = 10
"""The cases of a program, if none of them ends it."""

numbered: st.SearchStrategy[list[Document]] = st.lists(documents, min_size=1, max_size=6).map(
    lambda drawn: [{"_id": at, **document} for at, document in enumerate(drawn)]
)


def _steps(steps: st.SearchStrategy[Step]) -> st.SearchStrategy[list[Step]]:
    return st.lists(steps, min_size=STEPS, max_size=STEPS)


def _index(path: str, options: Document) -> list[Document]:
    return [{"key": {path: 1}, "name": "one", **options}]


indexes: st.SearchStrategy[list[Document]] = st.just([]) | st.builds(
    _index, paths, st.sampled_from([{}, {"unique": True}, {"unique": True, "sparse": True}])
)

reads: Programs = st.builds(
    lambda stored, steps: Program(documents=stored, steps=steps),
    numbered,
    _steps(operations.reads),
)
updates: Programs = st.builds(
    lambda stored, steps: Program(documents=stored, steps=steps),
    numbered,
    _steps(
        st.one_of(
            operations.updated,
            operations.updated,
            operations.updated,
            operations.updated_all,
            operations.upserted,
            operations.found_and_modified,
        )
    ),
)
scripts: Programs = st.builds(
    lambda specifications, stored, steps: Program(
        indexes=specifications, documents=stored, steps=steps
    ),
    indexes,
    numbered,
    _steps(
        st.one_of(
            operations.inserted,
            operations.inserted,
            operations.updated,
            operations.updated_all,
            operations.upserted,
            operations.found_and_modified,
            operations.deleted,
            operations.deleted_all,
            operations.reads,
        )
    ),
)

of_elements: st.SearchStrategy[dict[str, Any]] = st.builds(
    lambda document, elements: {**document, "a": elements},
    documents,
    st.lists(st.dictionaries(names, values(1), max_size=3), max_size=3),
)
elements: Programs = st.builds(
    lambda specifications, drawn, steps: Program(
        indexes=specifications,
        documents=[{"_id": at, **document} for at, document in enumerate(drawn)],
        steps=steps,
    ),
    indexes,
    st.lists(st.one_of(of_elements, of_elements, of_elements, documents), min_size=1, max_size=5),
    _steps(
        st.one_of(
            operations.reads,
            operations.reads,
            operations.updated,
            operations.updated_all,
            operations.found_and_modified,
            operations.upserted,
            operations.deleted,
        )
    ),
)
"""On arrays of documents."""


def _aggregate(pipeline: list[Any]) -> Step:
    return Step(kind=Kind.AGGREGATE, arguments={"pipeline": pipeline})


of_kinds: st.SearchStrategy[list[Document]] = st.lists(
    documents_of_kinds.documents(), min_size=1, max_size=5
).map(lambda drawn: [{**document, "_id": at} for at, document in enumerate(drawn)])
aggregations: Programs = st.builds(
    lambda stored, steps: Program(documents=stored, others=pipelines.FOREIGN, steps=steps),
    st.just(pipelines.GIVEN) | of_kinds,
    _steps(pipelines.pipelines(OTHERS).map(_aggregate)),
)
computations: Programs = st.builds(
    lambda document, steps: Program(documents=[document], steps=steps),
    documents_of_kinds.documents(),
    _steps(expressions().map(lambda expression: _aggregate([{"$project": {"value": expression}}]))),
)

collated: Programs = st.builds(
    lambda stored, steps: Program(documents=stored, steps=steps),
    numbered,
    _steps(
        st.builds(
            operations.collated,
            st.one_of(
                operations.reads,
                operations.reads,
                operations.updated,
                operations.updated_all,
                operations.found_and_modified,
                operations.deleted,
                expressions().map(
                    lambda expression: _aggregate([{"$project": {"value": expression}}])
                ),
                pipelines.pipelines(OTHERS).map(_aggregate),
            ),
            operations.collations,
        )
    ),
)

FAMILIES: Final[Mapping[str, Programs]] = {
    "reads": reads,
    "updates": updates,
    "scripts": scripts,
    "elements": elements,
    "aggregations": aggregations,
    "computations": computations,
    "collated": collated,
}
