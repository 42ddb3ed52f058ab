"""Arguments by name: which error comes first is a matter of how the server reads them.

Observed on a server 6.0 with several faults in one call.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from adapters.query.expression.signatures import Named, Reading
from adapters.query.failures import CommandFailure

T = TypeVar("T")


def read_parameters(
    operator: str, signature: Named, value: Any, parse: Callable[[str, Any], T]
) -> dict[str, T]:
    """Return what `parse` makes of each parameter that is there, by its name.

    Raises CommandFailure with the code of the fault that the server meets first.
    """
    if not isinstance(value, Mapping):
        raise CommandFailure(signature.not_document, f"{operator} only supports an object")
    if signature.reading is Reading.AS_WRITTEN:
        read = {}
        for name, item in value.items():
            _check_known(operator, signature, name)
            read[name] = parse(name, item)
        _require(operator, signature, value)
        return read
    for name in value:
        _check_known(operator, signature, name)
    _require(operator, signature, value)
    if signature.check is not None:
        signature.check(value)
    names = [name for name in signature.parameters if name in value]
    if signature.reading is Reading.FROM_THE_LAST:
        names.reverse()
    return {name: parse(name, value[name]) for name in names}


def _check_known(operator: str, signature: Named, name: str) -> None:
    if name not in signature.parameters:
        raise CommandFailure(signature.unknown, f"{operator} found an unknown argument: {name}")


def _require(operator: str, signature: Named, given: Mapping[str, Any]) -> None:
    for name, code in signature.required.items():
        if name not in given:
            raise CommandFailure(code, f"Missing '{name}' parameter to {operator}")
