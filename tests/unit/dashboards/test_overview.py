from dataclasses import replace

from dashboards.live.overview import in_shadow, overview
from proxy.ledger.read import CollectionGates, Gate, Result
from tests.unit.dashboards.evidence import evidence


def test_collections_stand_under_their_phase_what_has_moved_furthest_first() -> None:
    made = evidence(result=Result.FAIL)
    [one] = made.gates.collections
    names = ("app.a", "app.b", "app.c", "app.d")
    collections: tuple[CollectionGates, ...] = tuple(replace(one, namespace=each) for each in names)
    made = replace(made, gates=replace(made.gates, collections=collections))
    said = {
        "app.a": ("shadow", "shadow"),
        "app.b": ("by targeting, else shadow", "shadow"),
        "app.c": ("canary 5 %, else shadow", "dual"),
        "app.d": ("shadow", "shadow"),
    }

    shown = overview(made, lambda namespaces: {each: said[each] for each in namespaces})

    assert [(each.reads, each.writes) for each in shown.phases] == [
        said["app.c"],
        said["app.a"],
        said["app.b"],
    ]
    assert [row.gates.namespace for row in shown.phases[1].rows] == ["app.a", "app.d"]
    assert set(shown.gates) == {outcome.gate for outcome in one.outcomes}
    assert list(shown.gates) == sorted(shown.gates, key=list(Gate).index)


def test_without_flags_everything_is_in_shadow() -> None:
    assert in_shadow(["app.a"]) == {"app.a": ("shadow", "shadow")}
