from pathlib import Path

from proxy.capture.applications import Applications
from proxy.shadow.writers import Writers
from tests.unit.proxy.capture.logs import write as written
from tests.unit.proxy.capture.logs import writer_of
from tests.unit.proxy.shadow.records import LSID, message


def test_a_write_is_found_on_the_log_by_where_it_stands(tmp_path: Path) -> None:
    log = writer_of(tmp_path)
    change = {"update": "users", "updates": [{"q": {"_id": 1}, "u": {"$set": {"a": 2}}}]}
    commit = {"commitTransaction": 1, "lsid": LSID, "txnNumber": 3}
    first = written(log, message({**change, "$db": "app"}))
    ended = written(log, message({**commit, "$db": "admin"}))
    broken = written(log, b"no message")
    log.close()
    Applications(tmp_path).note(1, "shop (PyMongo 4)")
    writers = Writers(tmp_path)

    found = writers.at(first)

    assert found is not None
    assert found.shape.startswith("users.update")
    assert (found.position, found.connection) == (first, 1)
    assert writers.told(found).application == "shop (PyMongo 4)"
    assert writers.at(ended) is None
    assert writers.at(broken) is None
    assert writers.at(broken + 100_000) is None
