import asyncpg
import pytest

from adapters.postgresql.failures import translated
from comparators.errors import CapacityError, SettingsError, UnreachableError


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (asyncpg.AdminShutdownError("x"), UnreachableError),
        (asyncpg.CannotConnectNowError("x"), UnreachableError),
        (asyncpg.TooManyConnectionsError("x"), UnreachableError),
        (asyncpg.ConnectionDoesNotExistError("x"), UnreachableError),
        (asyncpg.InterfaceError("connection is closed"), UnreachableError),
        (ConnectionRefusedError("x"), UnreachableError),
        (asyncpg.QueryCanceledError("x"), TimeoutError),
        (asyncpg.DiskFullError("x"), CapacityError),
        (asyncpg.InvalidPasswordError("x"), SettingsError),
    ],
)
def test_an_error_says_whose_turn_it_is(raised: Exception, becomes: type[Exception]) -> None:
    with pytest.raises(becomes) as caught, translated("db:5432"):
        raise raised

    assert caught.value.__cause__ is raised


@pytest.mark.parametrize(
    "raised", [TimeoutError(), asyncpg.UniqueViolationError("x"), ZeroDivisionError()]
)
def test_what_is_a_matter_of_one_operation_passes(raised: Exception) -> None:
    with pytest.raises(type(raised)) as caught, translated("db:5432"):
        raise raised

    assert caught.value is raised
