from adapters.sql.plan import EVERYTHING, Order, Residual, Selection, plan_read

SUPERSET = Selection(path='$."a" == 1', indexed=True, why=("the body is less exact",))


def test_an_exact_selection_is_finished_by_sql() -> None:
    plan = plan_read(EVERYTHING, order=Order.ID, skip=2, limit=3, projection=False)

    assert (plan.order, plan.skip, plan.limit, plan.residual) == (Order.ID, 2, 3, ())


def test_a_superset_leaves_skip_and_limit_to_the_residual() -> None:
    plan = plan_read(SUPERSET, order=Order.NATURAL, skip=2, limit=3, projection=True)

    assert (plan.skip, plan.limit) == (0, None)
    assert plan.residual == (Residual.FILTER, Residual.SKIP, Residual.LIMIT, Residual.PROJECTION)


def test_a_sort_that_sql_cannot_do_keeps_its_limit_in_memory() -> None:
    plan = plan_read(EVERYTHING, order=None, skip=0, limit=3, projection=False)

    assert plan.limit is None
    assert plan.residual == (Residual.SORT, Residual.LIMIT)


def test_a_plan_says_what_is_done_where_and_why() -> None:
    plan = plan_read(SUPERSET, order=None, skip=0, limit=3, projection=False)

    assert plan.describe() == (
        'sql: index on bodies: $."a" == 1 (a superset), order natural\n'
        "residual: filter, sort, limit\n"
        "because the body is less exact\n"
        "because SQL sorts by `_id` only"
    )
