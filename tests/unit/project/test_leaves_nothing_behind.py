"""The check that guards every test is itself checked: each kind of leftover fails the test that left it."""

import pytest

pytest_plugins = ["pytester"]

COMPLAINTS = {
    "task": "*tasks left running*",
    "listener": "*ports left listening*",
    "connection": "*ResourceWarning: unclosed*",
    "error": "*errors that nobody fetched*nobody fetches me*",
}
LEFTOVERS = {
    "task": """
        async def test_it():
            leftovers.append(asyncio.get_running_loop().create_task(asyncio.sleep(30)))
        """,
    "listener": """
        async def test_it():
            listener = socket.create_server(("127.0.0.1", 0))
            leftovers.append(listener)
        """,
    "connection": """
        async def test_it():
            with socket.create_server(("127.0.0.1", 0)) as listener:
                socket.create_connection(listener.getsockname())
        """,
    "error": """
        async def fail():
            raise ValueError("nobody fetches me")

        async def test_it():
            task = asyncio.get_running_loop().create_task(fail())
            await asyncio.sleep(0)
            del task
            gc.collect()
        """,
}


def _run(pytester: pytest.Pytester, body: str) -> pytest.RunResult:
    pytester.makeini(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = session\n"
        "asyncio_default_test_loop_scope = session\nfilterwarnings = error\n"
        "markers = leaves_behind(reason): on purpose\n"
    )
    pytester.makeconftest("from tests.leftovers import leaves_nothing_behind")
    header = "import asyncio, gc, socket\nimport pytest\nleftovers = []\n"
    pytester.makepyfile(header + "\n".join(line[8:] for line in body.splitlines()))
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:schemathesis")


@pytest.mark.parametrize("kind", LEFTOVERS)
def test_a_leftover_fails_its_test(pytester: pytest.Pytester, kind: str) -> None:
    result = _run(pytester, LEFTOVERS[kind])

    result.stdout.fnmatch_lines(COMPLAINTS[kind])
    assert result.ret != 0


def test_a_clean_test_passes(pytester: pytest.Pytester) -> None:
    result = _run(pytester, "        async def test_it():\n            await asyncio.sleep(0)")

    result.assert_outcomes(passed=1)
