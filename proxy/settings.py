"""What an operator can set: settings file, then environment, then command line; the last one wins.

Every setting has a default that works, except the two databases. A wrong setting names the line, variable or flag
it came from. Addresses may hold passwords: they are neither in a `repr` nor in an error; print `uris.redacted_uri`.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import (
    BaseModel,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from comparators.errors import SettingsError
from proxy.ledger.bounds import Gates
from proxy.settings_sections import (
    Backfill,
    Cache,
    Capture,
    Dashboard,
    Data,
    Flags,
    Gateway,
    Http,
    Ledger,
    Legacy,
    Listen,
    Log,
    Rollout,
    Rules,
    Search,
    Serving,
    Telemetry,
    Verifier,
)

PREFIX = "PARALLAX_"
FILE_VARIABLE = "PARALLAX_CONFIG"
DEFAULT_FILE = Path("config/parallax.toml")

FLAGS: Mapping[str, str] = {
    "legacy.uri": "--legacy",
    "gateway.uri": "--gateway",
    "gateway.entities": "--entities",
    "listen.address": "--listen",
    "listen.advertise": "--advertise",
    "data.directory": "--data",
    "ledger.uri": "--ledger",
    "rules.file": "--rules",
    "log.level": "--log-level",
    "log.format": "--log-format",
    "rollout.steps": "--steps",
    "rollout.bake_s": "--bake",
    "backfill.documents_per_second": "--rate",
    "http.listen": "--at",
    "http.database": "--database",
    "http.models": "--models",
}
"""The settings that the command line can set, and how."""


class Settings(BaseSettings):
    """All settings, checked. Build them with `load`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    legacy: Legacy = Legacy()
    gateway: Gateway = Gateway()
    listen: Listen = Listen()
    serving: Serving = Serving()
    capture: Capture = Capture()
    verifier: Verifier = Verifier()
    flags: Flags = Flags()
    rollout: Rollout = Rollout()
    backfill: Backfill = Backfill()
    ledger: Ledger = Ledger()
    rules: Rules = Rules()
    gates: Gates = Gates()
    log: Log = Log()
    telemetry: Telemetry = Telemetry()
    dashboard: Dashboard = Dashboard()
    http: Http = Http()
    search: Search = Search()
    cache: Cache = Cache()
    data: Data = Data()

    @property
    def data_directory(self) -> Path:
        return Path(self.data.directory)

    @property
    def capture_directory(self) -> Path:
        """The folder of the capture log: as set, else below the data directory."""
        return Path(self.capture.directory or self.data_directory / "capture")

    @property
    def tokens_file(self) -> Path:
        """The tokens of the HTTP API: as set, else below the data directory."""
        return Path(self.http.tokens or self.data_directory / "http-tokens.toml")

    @property
    def ledger_uri(self) -> str:
        """The address of the ledger: as set, else a file below the data directory."""
        return self.ledger.uri or f"sqlite:///{self.data_directory / 'ledger.db'}"

    @property
    def answers_uri(self) -> str:
        """Where answers to writes with a key are kept: as set, else a file below the data directory."""
        return self.http.answers_uri or f"sqlite:///{self.data_directory / 'http-answers.db'}"

    @property
    def rules_file(self) -> Path:
        """The rules: as set, else those that ship with Parallax."""
        return Path(self.rules.file or str(resources.files("config") / "rules.toml"))

    @property
    def flags_file(self) -> Path | None:
        """The flags; None where there are none, so that everything is in `shadow`, or another provider has them."""
        return Path(self.flags.file) if self.flags.file else None

    @property
    def has_flags(self) -> bool:
        """Whether anything but `shadow` can be had."""
        return bool(self.flags.file or self.flags.provider)

    def demand(self, name: Literal["legacy.uri", "gateway.uri"]) -> str:
        """Return the address of a database; SettingsError if nobody set it."""
        uri: str = self.legacy.uri if name == "legacy.uri" else self.gateway.uri
        if not uri:
            raise SettingsError(
                f"`{name}` is not set",
                where=name,
                remedy=f"give {FLAGS[name]}, set {variable_of(name)}, or write it into the settings file",
            )
        return uri

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `load` has put together, and nothing else. The signature is the library's."""
        return (init_settings,)


class _Layer(NamedTuple):
    """Settings from one place, and how that place names each of them."""

    values: Mapping[str, Any]
    """By dotted name; a wrong shape of the file is one value under a section's name."""
    origin: Mapping[str, str]


def load(file: Path | None = None, *, flags: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of `file`, the environment and `flags` (by dotted name; None is as if not given).

    Without `file`, PARALLAX_CONFIG names it; without that, config/parallax.toml is read if there is one.
    """
    layers = [_file_layer(file), _environment_layer(), _flag_layer(flags or {})]
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for layer in layers:
        values |= layer.values
        origin |= layer.origin
    try:
        return Settings(**_nested(values))
    except ValidationError as wrong:
        raise _explained(wrong, origin) from None


def names() -> Iterator[str]:
    """Give every setting as `section.name`."""
    for section, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (f"{section}.{name}" for name in kind.model_fields)


def variable_of(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.replace(".", "_").upper()


def _file_layer(file: Path | None) -> _Layer:
    named = file or (Path(os.environ[FILE_VARIABLE]) if os.environ.get(FILE_VARIABLE) else None)
    path = named or DEFAULT_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as missing:
        if named is None:
            return _Layer({}, {})
        raise SettingsError(
            f"there is no settings file {path}",
            where="--config" if file else FILE_VARIABLE,
            remedy="name a file that exists, or name none: every setting has a default",
        ) from missing
    except (OSError, UnicodeDecodeError) as unreadable:
        raise SettingsError(
            f"the settings file cannot be read: {unreadable}",
            where=str(path),
            remedy="it must be a text file in UTF-8 that this user may read",
        ) from unreadable
    return _parsed(path, text)


def _parsed(path: Path, text: str) -> _Layer:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        line = re.search(r"at line (\d+)", str(wrong))
        raise SettingsError(
            f"the settings file is not TOML: {wrong}",
            where=f"{path}:{line[1]}" if line else str(path),
            remedy="correct the line; text stands in quotes, true and false do not",
        ) from wrong
    lines = _lines_of(text)
    values: dict[str, Any] = {}
    for section, content in document.items():
        if isinstance(content, dict):
            values |= {f"{section}.{name}": value for name, value in content.items()}
        else:
            values[section] = content
    origin = {name: f"{path}:{lines.get(name, 1)}" for name in {**values, **lines}}
    return _Layer(values, origin)


def _lines_of(text: str) -> dict[str, int]:
    """Return the line of each setting, in the plain layout of config/parallax.toml; others are told as line 1."""
    section = ""
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"""\s*\[\s*([\w.]+(?:\."[^"]+")?)\s*\]""", line):
            section = header[1].replace('"', "")
        elif assignment := re.match(r"\s*([\w.]+)\s*=", line):
            lines[f"{section}.{assignment[1]}" if section else assignment[1]] = number
    return lines


def _environment_layer() -> _Layer:
    known = {variable_of(name): name for name in names()}
    for variable in os.environ:
        if variable.startswith(PREFIX) and variable not in known and variable != FILE_VARIABLE:
            raise SettingsError(
                f"no setting belongs to the variable {variable}",
                where=variable,
                remedy=f"unset it{_suggestion(variable, known)}",
            )
    source = EnvSettingsSource(
        Settings, env_prefix=PREFIX, env_nested_delimiter="_", env_nested_max_split=1
    )
    values = {
        f"{section}.{name}": value
        for section, content in source().items()
        for name, value in content.items()
    }
    return _Layer(values, {name: variable_of(name) for name in values})


def _flag_layer(flags: Mapping[str, Any]) -> _Layer:
    given = {name: value for name, value in flags.items() if value is not None}
    return _Layer(given, {name: FLAGS[name] for name in given})


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return dotted names as sections; what is no section stays, for the check to complain of."""
    sections: dict[str, Any] = {}
    for dotted, value in values.items():
        section, dot, name = dotted.partition(".")
        if dot:
            sections.setdefault(section, {})[name] = value
        else:
            sections[section] = value
    return sections


def _explained(wrong: ValidationError, origin: Mapping[str, str]) -> SettingsError:
    """Return the first complaint as an error that tells where the setting came from, without its value."""
    complaint = wrong.errors(include_url=False, include_input=False)[0]
    name = ".".join(str(part) for part in complaint["loc"])
    if complaint["type"] == "extra_forbidden":
        return SettingsError(
            f"there is no setting `{name}`",
            where=origin.get(name) or _first_of_section(name, origin),
            remedy=f"delete it{_suggestion(name, list(names()))}",
        )
    return SettingsError(
        f"`{name}`: {complaint['msg'].removeprefix('Value error, ')}",
        where=origin.get(name) or _first_of_section(name, origin),
        remedy="docs/settings.md tells what may stand there",
    )


def _first_of_section(section: str, origin: Mapping[str, str]) -> str:
    """Return where a section was first touched: a complaint about several settings names none of them."""
    return next(
        (place for name, place in origin.items() if name.startswith(f"{section}.")), section
    )


def _suggestion(wrong: str, known: Any) -> str:
    close = difflib.get_close_matches(wrong, list(known), n=1)
    return f", or did you mean {close[0]}?" if close else ""
