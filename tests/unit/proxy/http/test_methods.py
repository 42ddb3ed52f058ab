"""Which methods of repositories are routes, and what they take."""

from adapters.repositories.appending import APPEND_ONLY
from adapters.repositories.naming import SPECIALISED
from adapters.repositories.repository import Repository
from proxy.http.declared import Kind
from proxy.http.methods import READING, SECRET, WRITING, method_names, method_routes, scope_of
from proxy.http.tokens import Scope


def test_every_method_of_a_repository_reads_or_writes() -> None:
    names = {name for kind in SPECIALISED for name in method_names(kind)} - set(vars(Repository))

    assert names == READING | WRITING
    assert not READING & WRITING
    assert names >= SECRET


def test_a_method_that_is_in_no_table_is_no_route() -> None:
    class Own(Repository):
        async def surprise(self) -> None: ...

    assert scope_of("surprise") is None
    assert list(method_routes("Own", Own)) == []


def test_what_is_only_appended_to_has_no_method_that_changes_it() -> None:
    kinds = [kind for kind in SPECIALISED if kind.entity in APPEND_ONLY]

    assert {kind.entity for kind in kinds} == APPEND_ONLY
    assert {name for kind in kinds for name in method_names(kind)} & WRITING == {"append"}


def test_routes_are_typed_by_signatures() -> None:
    routes = {
        route.name: route for kind in SPECIALISED for route in method_routes(kind.entity, kind)
    }
    spend = routes["Balance_spend"]
    assert spend.body is not None
    assert [(each.name, each.kind, each.required) for each in spend.body.members or ()] == [
        ("user", Kind.VALUE, True),
        ("amount", Kind.NUMBER, True),
        ("entry", Kind.OBJECT, False),
    ]
    assert (spend.scope, spend.writes) == (Scope.WRITE, True)
    assert routes["Key_value_of"].scope is Scope.ADMIN
    assert routes["User_find_by_email"].scope is Scope.READ
    assert routes["User_find_by_email"].summary.startswith("Return the user with an address")
