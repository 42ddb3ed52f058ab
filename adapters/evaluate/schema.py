"""Whether a value is as a schema of `$jsonSchema` wants it."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Context
from typing import Any, Final

from bson.dbref import DBRef

from adapters.evaluate.numbers import decimal_of
from adapters.evaluate.patterns import compiled
from adapters.evaluate.predicates import Test, comparison_test
from adapters.query.failures import CommandFailure
from adapters.query.filter.schema import Bound, Schema
from adapters.query.filter.tree import Comparator, Comparison
from adapters.query.types import is_number, type_number
from comparators.order import unordered_key

BAD_VALUE: Final = 2
# The remainder of the largest by the smallest decimal needs that many digits.
_EXACT: Final = Context(prec=12_500, traps=[])


def schema_test(schema: Schema) -> Test:
    """Return the test of a value; CommandFailure for a pattern that is none."""
    tests = list(_tests(schema))
    return lambda value: all(test(value) for test in tests)


def _tests(schema: Schema) -> Iterator[Test]:
    types = schema.types
    if types is not None:
        yield lambda value: type_number(value) in types
    if schema.enum is not None:
        keys = frozenset(map(unordered_key, schema.enum))
        yield lambda value: unordered_key(value) in keys
    yield from map(schema_test, schema.all_of)
    if schema.any_of:
        yield _counted(schema, "any_of", lambda held: held > 0)
    if schema.one_of:
        yield _counted(schema, "one_of", lambda held: held == 1)
    if schema.none_of:
        yield _counted(schema, "none_of", lambda held: held == 0)
    yield from (_if(is_number, test) for test in _number_tests(schema))
    yield from (_if(_is_string, test) for test in _string_tests(schema))
    yield from (_if(_is_array, test) for test in _array_tests(schema))
    yield from (_of_fields(test) for test in _field_tests(schema))


def _counted(schema: Schema, name: str, enough: Callable[[int], bool]) -> Test:
    tests = [schema_test(each) for each in getattr(schema, name)]
    return lambda value: enough(sum(test(value) for test in tests))


def _if(applies: Test, test: Test) -> Test:
    return lambda value: not applies(value) or test(value)


def _is_string(value: Any) -> bool:
    return type(value) is str


def _is_array(value: Any) -> bool:
    return isinstance(value, list)


def _of_fields(test: Callable[[Mapping[str, Any]], bool]) -> Test:
    def of_value(value: Any) -> bool:
        if isinstance(value, DBRef):
            value = value.as_doc()
        return not isinstance(value, dict) or test(value)

    return of_value


def _number_tests(schema: Schema) -> Iterator[Test]:
    if schema.minimum is not None:
        yield _beyond(schema.minimum, Comparator.GT, Comparator.GTE)
    if schema.maximum is not None:
        yield _beyond(schema.maximum, Comparator.LT, Comparator.LTE)
    if schema.multiple_of is not None:
        divisor = decimal_of(schema.multiple_of)
        yield lambda value: _EXACT.remainder(decimal_of(value), divisor) == 0


def _beyond(bound: Bound, exclusive: Comparator, inclusive: Comparator) -> Test:
    comparator = exclusive if bound.exclusive else inclusive
    return comparison_test(Comparison(path=(), comparator=comparator, value=bound.value))


def _string_tests(schema: Schema) -> Iterator[Test]:
    if schema.least_length or schema.most_length is not None:
        yield _between(schema.least_length, schema.most_length)
    if schema.pattern is not None:
        search = compiled(schema.pattern.pattern, schema.pattern.flags).search
        yield lambda value: search(value) is not None


def _between(least: int, most: int | None) -> Test:
    return lambda value: least <= len(value) and (most is None or len(value) <= most)


def _array_tests(schema: Schema) -> Iterator[Test]:
    if schema.least_items or schema.most_items is not None:
        yield _between(schema.least_items, schema.most_items)
    if schema.unique_items:
        yield lambda value: len(set(map(unordered_key, value))) == len(value)
    if schema.items is not None:
        test = schema_test(schema.items)
        yield lambda value: all(map(test, value))
    if schema.first_items is not None:
        yield _by_position(
            [schema_test(each) for each in schema.first_items], _any_other(schema.other_items)
        )


def _by_position(tests: list[Test], other: Test) -> Test:
    def test(value: Any) -> bool:
        first = all(test(item) for test, item in zip(tests, value, strict=False))
        return first and all(map(other, value[len(tests) :]))

    return test


def _any_other(schema: Schema | bool) -> Test:
    if isinstance(schema, bool):
        return lambda _value: schema
    return schema_test(schema)


def _field_tests(schema: Schema) -> Iterator[Callable[[Mapping[str, Any]], bool]]:
    required = schema.required
    if required:
        yield lambda document: required <= document.keys()
    if schema.least_properties or schema.most_properties is not None:
        yield _between(schema.least_properties, schema.most_properties)
    yield _by_name(schema)
    for name, wanted in schema.dependencies:
        yield _dependent(name, wanted)


def _by_name(schema: Schema) -> Callable[[Mapping[str, Any]], bool]:
    named = {name: schema_test(each) for name, each in schema.properties.items()}
    by_pattern = [
        (_searched(each.pattern), schema_test(nested)) for each, nested in schema.pattern_properties
    ]
    other = _any_other(schema.other_properties)

    def test(document: Mapping[str, Any]) -> bool:
        for name, value in document.items():
            tests = [test for search, test in by_pattern if search(name)]
            if name in named:
                tests.append(named[name])
            if not all(test(value) for test in tests or [other]):
                return False
        return True

    return test


def _searched(source: str) -> Callable[[str], Any]:
    try:
        return compiled(source, 0).search
    except CommandFailure as wrong:
        raise CommandFailure(BAD_VALUE, "Invalid regular expression") from wrong


def _dependent(name: str, wanted: Schema | frozenset[str]) -> Callable[[Mapping[str, Any]], bool]:
    if isinstance(wanted, frozenset):
        return lambda document: name not in document or wanted <= document.keys()
    test = schema_test(wanted)
    return lambda document: name not in document or test(document)
