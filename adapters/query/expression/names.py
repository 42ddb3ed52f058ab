"""Names of fields and variables as expressions may write them."""

from adapters.query.failures import CommandFailure
from adapters.query.unsupported import unsupported


def field_path(text: str) -> tuple[str, ...]:
    """Return the names of a dotted path; CommandFailure where MongoDB refuses it as a field path."""
    if not text:
        raise CommandFailure(40352, "FieldPath cannot be constructed with empty string")
    if text.endswith("."):
        raise CommandFailure(40353, "FieldPath must not end with a '.'.")
    names = tuple(text.split("."))
    for name in names:
        check_field_name(name)
    return names


def check_field_name(name: str) -> None:
    """Refuse a name that cannot be one step of a field path."""
    if not name:
        raise CommandFailure(15998, "FieldPath field names may not be empty strings.")
    if name.startswith("$"):
        raise CommandFailure(16410, "FieldPath field names may not start with '$'.")
    if "\0" in name:
        raise CommandFailure(16411, "FieldPath field names may not contain '\\0'.")
    if "." in name:
        raise CommandFailure(16412, "FieldPath field names may not contain '.'.")


def check_variable_bound(name: str) -> None:
    """Refuse a name that no user variable may have; CURRENT may be bound anew."""
    if name == "CURRENT":
        return
    if not name:
        raise CommandFailure(9, "empty variable names are not allowed")
    if not (name[0].islower() and name[0].isascii()) and name[0].isascii():
        raise CommandFailure(
            9, f"'{name}' starts with an invalid character for a user variable name"
        )
    _check_variable_characters(name)


def check_variable_of_let(name: str) -> None:
    """Refuse a name that `let` of a command or a stage may not bind."""
    if name == "CURRENT":
        # From then on every path would begin at another document than the one that SQL looks at.
        raise unsupported("$$CURRENT in let", where="let")
    check_variable_bound(name)


def check_variable_read(name: str) -> None:
    """Refuse what cannot be the name of any variable."""
    if not name:
        raise CommandFailure(9, "empty variable names are not allowed")
    if name[0].isascii() and not name[0].isalpha():
        raise CommandFailure(9, f"'{name}' starts with an invalid character for a variable name")
    _check_variable_characters(name)


def _check_variable_characters(name: str) -> None:
    for character in name[1:]:
        if character.isascii() and not (character.isalnum() or character == "_"):
            raise CommandFailure(9, f"'{name}' contains an invalid character for a variable name")
