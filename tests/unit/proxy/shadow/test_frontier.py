from proxy.shadow.frontier import Frontier


def test_the_oldest_write_of_each_collection_is_told_apart() -> None:
    frontier = Frontier()
    frontier.enter(10)
    frontier.enter(20, writes=frozenset({"app.users"}))
    frontier.enter(30, writes=frozenset({"app.users", "app.posts"}))
    frontier.enter(40, writes=frozenset())

    assert dict(frontier.oldest_writes()) == {"app.users": 20, "app.posts": 30}
    frontier.leave(20)
    assert dict(frontier.oldest_writes()) == {"app.users": 30, "app.posts": 30}
    frontier.leave(30)
    frontier.leave(30)
    assert not dict(frontier.oldest_writes())
    assert frontier.open() == (10, 40)
