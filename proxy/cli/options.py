"""The options that several commands share, and the settings they add up to."""

from pathlib import Path
from typing import Annotated

import typer

from proxy.settings import Settings, load

Config = Annotated[
    Path | None, typer.Option("--config", help="The settings file (else PARALLAX_CONFIG).")
]
Legacy = Annotated[
    str | None, typer.Option("--legacy", help="MongoDB, as `mongodb://…`.", metavar="URI")
]
Gateway = Annotated[
    str | None, typer.Option("--gateway", help="PostgreSQL, as `postgresql://…`.", metavar="URI")
]
Listen = Annotated[
    str | None,
    typer.Option("--listen", help="Where the application connects.", metavar="HOST:PORT"),
]
Advertise = Annotated[
    str | None,
    typer.Option("--advertise", help="The address drivers are shown.", metavar="HOST:PORT"),
]
DataDirectory = Annotated[
    str | None,
    typer.Option("--data", help="Folder of the capture log and the ledger.", metavar="DIR"),
]
Ledger = Annotated[
    str | None, typer.Option("--ledger", help="The ledger, SQLite or PostgreSQL.", metavar="URI")
]
Rules = Annotated[
    str | None, typer.Option("--rules", help="The exceptions to equality.", metavar="FILE")
]
Entities = Annotated[
    str | None,
    typer.Option("--entities", help="The entity maps, a folder or a name.", metavar="PROFILE"),
]
Rate = Annotated[
    float | None,
    typer.Option("--rate", help="At most so many documents per second; 0 for no limit."),
]
Injection = Annotated[
    Path | None,
    typer.Option("--injection", hidden=True, help="Damage on purpose, as this plan says."),
]
LogLevel = Annotated[str | None, typer.Option("--log-level", help="debug, info, warning or error.")]
LogFormat = Annotated[str | None, typer.Option("--log-format", help="json or console.")]


def settings_of(
    config: Path | None,
    *,
    legacy: str | None = None,
    gateway: str | None = None,
    listen: str | None = None,
    advertise: str | None = None,
    data: str | None = None,
    ledger: str | None = None,
    rules: str | None = None,
    entities: str | None = None,
    log_level: str | None = None,
    log_format: str | None = None,
    rate: float | None = None,
    steps: str | None = None,
    bake_s: float | None = None,
    http_listen: str | None = None,
    http_database: str | None = None,
    http_models: str | None = None,
) -> Settings:
    """Return the settings of file and environment, with the options that were given on top."""
    return load(
        config,
        flags={
            "legacy.uri": legacy,
            "gateway.uri": gateway,
            "listen.address": listen,
            "listen.advertise": advertise,
            "data.directory": data,
            "ledger.uri": ledger,
            "rules.file": rules,
            "gateway.entities": entities,
            "log.level": log_level,
            "log.format": log_format,
            "backfill.documents_per_second": rate,
            "rollout.steps": steps,
            "rollout.bake_s": bake_s,
            "http.listen": http_listen,
            "http.database": http_database,
            "http.models": http_models,
        },
    )
