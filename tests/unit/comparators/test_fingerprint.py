from comparators.canonical import encode
from comparators.change import Difference
from comparators.difference import differences_between
from comparators.fingerprint import fingerprint_of
from comparators.shape import Shape

SHAPE = Shape(id="s1", text="users.find")


def difference(legacy: object, gateway: object) -> Difference:
    (only,) = differences_between(encode({"a": [legacy]}), encode({"a": [gateway]}))
    return only


def test_values_make_no_difference() -> None:
    first = fingerprint_of(SHAPE, difference("secret", "other"))
    second = fingerprint_of(SHAPE, difference("x", "y"))

    assert first == second
    assert first.text == "a.* value"


def test_types_shapes_and_paths_do() -> None:
    of_type = fingerprint_of(SHAPE, difference(1, 1.0))

    assert of_type.text == "a.* type int → double"
    assert of_type.id != fingerprint_of(SHAPE, difference(1, 2)).id
    assert of_type.id != fingerprint_of(Shape(id="s2", text=""), difference(1, 1.0)).id
