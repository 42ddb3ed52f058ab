"""The sections of the settings: what may stand in each, its defaults and its bounds."""

from enum import StrEnum
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from proxy.capture.limits import MIN_SEGMENTS
from proxy.uris import address_of

MIN_TOKEN = 16
MIB = 1024 * 1024
GIB = 1024 * MIB


class LogLevel(StrEnum):
    """The least serious event that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """For a machine, or for a person at a terminal."""

    JSON = "json"
    CONSOLE = "console"


class OtlpProtocol(StrEnum):
    """How an OpenTelemetry collector is spoken to."""

    HTTP = "http/protobuf"
    GRPC = "grpc"


class Signal(StrEnum):
    """What an OpenTelemetry collector can be sent."""

    METRICS = "metrics"
    TRACES = "traces"
    LOGS = "logs"


def signals_of(text: str) -> frozenset[Signal]:
    """Return the signals of a list as in `metrics,traces`; ValueError for what is none."""
    return frozenset(Signal(part.strip()) for part in text.split(",") if part.strip())


def _signals(text: str) -> str:
    try:
        signals_of(text)
    except ValueError as error:
        message = f"must be a list of {', '.join(Signal)}"
        raise ValueError(message) from error
    return text


def _address(text: str) -> str:
    address_of(text)
    return text


def _address_or_empty(text: str) -> str:
    return _address(text) if text else text


def _token_or_empty(text: str) -> str:
    if text and len(text) < MIN_TOKEN:
        message = f"must have at least {MIN_TOKEN} characters, as `openssl rand -hex 24` makes them"
        raise ValueError(message)
    return text


def percents_of(text: str) -> tuple[int, ...]:
    """Return the steps of a rollout, as in `1,5,100`; ValueError for what are none."""
    try:
        steps = tuple(int(part) for part in text.split(","))
    except ValueError:
        steps = ()
    if not steps or steps[0] < 1 or steps[-1] > 100 or list(steps) != sorted(set(steps)):
        message = "must be growing per cent between 1 and 100, as in 1,5,25,50,100"
        raise ValueError(message)
    return steps


def _steps(text: str) -> str:
    percents_of(text)
    return text


def _uri_of(*schemes: str) -> AfterValidator:
    """Return a check that an address is empty or begins with one of the schemes."""

    def check(uri: str) -> str:
        if uri and not any(uri.startswith(f"{scheme}://") for scheme in schemes):
            message = f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}"
            raise ValueError(message)
        return uri

    return AfterValidator(check)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Legacy(_Section):
    """The MongoDB that answers the application."""

    uri: Annotated[str, _uri_of("mongodb", "mongodb+srv")] = Field(default="", repr=False)


class Gateway(_Section):
    """The PostgreSQL that is being proved."""

    uri: Annotated[str, _uri_of("postgresql", "postgres")] = Field(default="", repr=False)
    entities: str = ""
    explain_beyond_s: PositiveFloat = 0.1


class Listen(_Section):
    """Where the application connects."""

    address: Annotated[str, AfterValidator(_address)] = "127.0.0.1:27018"
    advertise: Annotated[str, AfterValidator(_address_or_empty)] = ""
    max_connections: PositiveInt = 10_000
    after_verifier_s: NonNegativeFloat = 0


class Serving(_Section):
    """Drivers answered from PostgreSQL alone."""

    replica_set: Annotated[str, Field(min_length=1)] = "rs0"
    connections: Annotated[int, Field(ge=2, le=512)] = 32
    tls_certificate: str = ""
    tls_key: str = ""
    cursor_bytes: Annotated[int, Field(ge=MIB)] = 256 * MIB
    cursor_idle_s: PositiveFloat = 600
    transaction_s: PositiveFloat = 60
    drain_s: PositiveFloat = 5


class Capture(_Section):
    """The log between relay and verifier."""

    directory: str = ""
    segment_bytes: Annotated[int, Field(ge=MIB)] = 64 * MIB
    max_bytes: Annotated[int, Field(ge=MIN_SEGMENTS * MIB)] = 4 * GIB
    keep: bool = False

    @model_validator(mode="after")
    def _holds_enough_segments(self) -> "Capture":
        if self.max_bytes < MIN_SEGMENTS * self.segment_bytes:
            message = f"max_bytes must be at least {MIN_SEGMENTS} times segment_bytes: whole segments are removed"
            raise ValueError(message)
        return self


class Verifier(_Section):
    """The process that repeats operations on the gateway and compares."""

    concurrency: Annotated[int, Field(ge=1, le=256)] = 16
    recheck_within_s: PositiveFloat = 30
    gateway_timeout_s: PositiveFloat = 10
    state_checks: bool = True
    silent_after_s: PositiveFloat = 10
    sample_beyond_s: Annotated[float, Field(ge=0)] = 30
    nice: Annotated[int, Field(ge=0, le=19)] = 19


class Flags(_Section):
    """What is done with each collection, by feature flags."""

    file: str = ""
    provider: str = ""
    gateway_within_s: Annotated[float, Field(gt=0, le=10)] = 0.25
    catch_up_s: Annotated[float, Field(ge=0, le=5)] = 0.05
    dual_within_s: Annotated[float, Field(gt=0, le=60)] = 1.0
    cutover_within_s: Annotated[float, Field(gt=0, le=60)] = 5.0

    @model_validator(mode="after")
    def _have_one_origin(self) -> "Flags":
        if self.file and self.provider:
            message = "provider holds in place of file: set one of them"
            raise ValueError(message)
        return self


class Rollout(_Section):
    """How a collection is moved to the gateway, by `parallax rollout`."""

    steps: Annotated[str, AfterValidator(_steps)] = "1,5,25,50,100"
    bake_s: NonNegativeFloat = 3_600
    look_every_s: Annotated[float, Field(ge=0.1, le=600)] = 10
    passes: PositiveInt = 3
    rest_s: NonNegativeFloat = 900
    rest_at_most_s: NonNegativeFloat = 86_400

    @property
    def percents(self) -> tuple[int, ...]:
        """The steps."""
        return percents_of(self.steps)


class Backfill(_Section):
    """Copying the documents that were there before the sidecar."""

    documents_per_chunk: PositiveInt = 20_000
    documents_per_second: Annotated[float, Field(ge=0)] = 0.0
    concurrency: Annotated[int, Field(ge=1, le=64)] = 2


class Ledger(_Section):
    """Where the evidence is kept."""

    uri: Annotated[
        str, _uri_of("sqlite", "sqlite+aiosqlite", "postgresql", "postgresql+asyncpg")
    ] = Field(default="", repr=False)


class Rules(_Section):
    """Declared exceptions to equality."""

    file: str = ""


class Log(_Section):
    """What the processes say of themselves, on stderr."""

    level: LogLevel = LogLevel.INFO
    format: LogFormat = LogFormat.JSON


class Telemetry(_Section):
    """Where metrics, traces and log lines go."""

    prometheus: Annotated[str, AfterValidator(_address_or_empty)] = ""
    otlp_endpoint: Annotated[str, _uri_of("http", "https")] = Field(default="", repr=False)
    otlp_protocol: OtlpProtocol = OtlpProtocol.HTTP
    interval_s: Annotated[float, Field(ge=1)] = 15.0
    signals: Annotated[str, AfterValidator(_signals)] = "metrics,traces"
    traces: Annotated[float, Field(ge=0, le=1)] = 0.0

    def sends(self, signal: Signal) -> bool:
        """Return whether a signal is sent to a collector."""
        return bool(self.otlp_endpoint) and signal in signals_of(self.signals)


class Dashboard(_Section):
    """The live page."""

    address: Annotated[str, AfterValidator(_address)] = "127.0.0.1:27080"
    token: Annotated[str, AfterValidator(_token_or_empty)] = Field(default="", repr=False)


class Http(_Section):
    """The HTTP API of repositories."""

    listen: Annotated[str, AfterValidator(_address_or_empty)] = ""
    database: Annotated[
        str,
        _uri_of("mongodb", "mongodb+srv", "postgresql", "postgres", "mysql", "mariadb", "sqlite"),
    ] = Field(default="", repr=False)
    name: str = ""
    models: Annotated[str, Field(min_length=1)] = "librechat"
    tokens: str = ""
    ensure_indexes: bool = False
    connections: Annotated[int, Field(ge=2, le=512)] = 32
    tls_certificate: str = ""
    tls_key: str = ""
    max_body_bytes: Annotated[int, Field(ge=1024, le=64 * MIB)] = MIB
    max_file_bytes: Annotated[int, Field(ge=1024)] = 1024 * MIB
    requests_per_s: NonNegativeFloat = 200
    burst: PositiveInt = 400
    request_s: PositiveFloat = 30
    transaction_s: PositiveFloat = 60
    transactions: PositiveInt = 16
    keep_answers_s: PositiveFloat = 86_400
    answers_uri: Annotated[str, _uri_of("sqlite", "postgresql", "postgres")] = Field(
        default="", repr=False
    )
    drain_s: PositiveFloat = 5
    prometheus: Annotated[str, AfterValidator(_address_or_empty)] = ""


class Search(_Section):
    """The search engine of the HTTP API."""

    enabled: bool = False
    url: Annotated[str, _uri_of("http", "https", "meilisearch")] = Field(default="", repr=False)
    key: str = Field(default="", repr=False)
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = "parallax_"
    within_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    sync: bool = True
    sync_every_s: PositiveFloat = 30.0
    compared: Annotated[float, Field(ge=0, le=1)] = 0.1
    rank_tolerance: Annotated[float, Field(ge=0, le=1)] = 0.2


class Cache(_Section):
    """The cache before the database of the HTTP API."""

    url: Annotated[str, _uri_of("redis", "rediss")] = Field(default="", repr=False)
    ttl_s: PositiveFloat = 60.0
    within_s: Annotated[float, Field(gt=0, le=10)] = 0.05
    prefix: Annotated[str, Field(min_length=1)] = "parallax"
    while_verifying: bool = False


class Data(_Section):
    """Where everything that Parallax writes lies."""

    directory: Annotated[str, Field(min_length=1)] = "./parallax-data"
