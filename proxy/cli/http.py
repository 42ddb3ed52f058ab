"""`parallax http`: the HTTP API of repositories, and the tokens that may use it."""

import os
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from adapters.database import Database
from adapters.repositories.databases import database_for, url_from
from adapters.repositories.gateway import RepositoryGateway
from comparators.errors import RefusedError, SettingsError
from proxy.cli import options
from proxy.cli.cached import is_relay, layered
from proxy.cli.certificates import tls_of
from proxy.cli.collection import settle_garbage_collection
from proxy.cli.ending import cancelled_by_signals, cancelled_without, run_until_cancelled
from proxy.cli.maps import maps_of
from proxy.cli.reaping import reaping_of
from proxy.cli.searched import (
    beside,
    comparing_of,
    counted,
    engine_of,
    indexer_of,
    marking,
    search_of,
    searching_of,
)
from proxy.cli.telling import telling_front
from proxy.http.front import Front, Limits
from proxy.http.tokens import Scope, Token, Tokens, hash_of, new_secret, read_tokens, write_tokens
from proxy.http.traced import TracedDatabase
from proxy.searches.entering import Entering
from proxy.settings import Settings
from proxy.telemetry import configure_logging
from proxy.uris import address_of

HTTP: Final = typer.Typer(
    help="Serve documents over HTTP, from either database.",
    invoke_without_command=True,
    rich_markup_mode=None,
)
TOKENS: Final = typer.Typer(
    help="Show and change who may call it.", no_args_is_help=True, rich_markup_mode=None
)
HTTP.add_typer(TOKENS, name="tokens")
DEFAULT_LISTEN: Final = "127.0.0.1:27081"
TYPE_VARIABLE: Final = "DATABASE_TYPE"
_DEFAULT_NAME: Final = "test"
"""As MongoDB's drivers have it."""
_SHIPPED: Final = Path(__file__).parents[2] / "config" / "models"

At = Annotated[
    str | None,
    typer.Option("--at", help="Where the API listens.", metavar="HOST:PORT"),
]
DatabaseUri = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="The database, `mongodb://…`, `postgresql://…`, `mysql://…` or `sqlite:///…`.",
        metavar="URI",
    ),
]
Models = Annotated[
    str | None, typer.Option("--models", help="The models, a file or a name.", metavar="FILE")
]
Name = Annotated[str, typer.Argument(help="The name of the token.", metavar="NAME")]
Scopes = Annotated[
    list[Scope], typer.Option("--scope", help="What it allows; again for more.", metavar="SCOPE")
]

User = Annotated[
    str | None,
    typer.Option("--user", help="It only searches, and only what is this user's.", metavar="ID"),
]


@HTTP.callback()
def http(
    context: typer.Context,
    config: options.Config = None,
    at: At = None,
    database: DatabaseUri = None,
    models: Models = None,
    entities: options.Entities = None,
    data: options.DataDirectory = None,
    log_level: options.LogLevel = None,
    log_format: options.LogFormat = None,
    *,
    parent: Annotated[int | None, typer.Option("--parent", hidden=True)] = None,
) -> None:
    """Serve documents over HTTP, from either database."""
    if context.invoked_subcommand is not None:
        return
    settings = options.settings_of(
        config,
        http_listen=at,
        http_database=database,
        http_models=models,
        entities=entities,
        data=data,
        log_level=log_level,
        log_format=log_format,
    )
    configure_logging(settings.log.level, settings.log.format, part="http")
    settle_garbage_collection()
    run_until_cancelled(served(settings, parent))


@TOKENS.command("add")
def add(
    name: Name,
    scope: Scopes,
    user: User = None,
    config: options.Config = None,
    data: options.DataDirectory = None,
) -> None:
    """Make a token and print it; nobody can read it again."""
    path = options.settings_of(config, data=data).tokens_file
    known = read_tokens(path) if path.exists() else ()
    if name in {token.name for token in known}:
        raise RefusedError(
            f"there is a token {name!r}",
            where=str(path),
            remedy="remove it first, or take another name",
        )
    secret = new_secret()
    token = Token(name=name, sha256=hash_of(secret), scopes=frozenset(scope), user=user)
    write_tokens(path, [*known, token])
    typer.echo(secret)


@TOKENS.command("rm")
def remove(name: Name, config: options.Config = None, data: options.DataDirectory = None) -> None:
    """Let a token in no more; a server that runs knows at once."""
    path = options.settings_of(config, data=data).tokens_file
    known = read_tokens(path)
    left = [token for token in known if token.name != name]
    if len(left) == len(known):
        raise RefusedError(
            f"there is no token {name!r}", where=str(path), remedy="see `parallax http tokens ls`"
        )
    write_tokens(path, left)


@TOKENS.command("ls")
def show(config: options.Config = None, data: options.DataDirectory = None) -> None:
    """Show which tokens there are, and what they allow."""
    for token in read_tokens(options.settings_of(config, data=data).tokens_file):
        of_user = "" if token.user is None else f"\tuser {token.user}"
        typer.echo(f"{token.name}\t{' '.join(sorted(token.scopes))}{of_user}")


async def served(settings: Settings, parent: int | None) -> None:
    """Serve until terminated."""
    given = settings.http
    uri = database_uri(settings)
    address = address_of(given.listen or DEFAULT_LISTEN)
    engine = engine_of(settings)
    tokens = Tokens(settings.tokens_file)
    if not tokens.all:
        raise SettingsError(
            "there are no tokens, so that nobody could call the API",
            where="http.tokens",
            remedy="make one with `parallax http tokens add NAME --scope admin`",
        )
    # An address of its own: that of `telemetry.prometheus` is the verifier's.
    telling = telling_front(settings, part="http", prometheus=given.prometheus)
    with cancelled_by_signals(), cancelled_without(parent):
        async with AsyncExitStack() as held:
            told = held.enter_context(telling)
            behind = await held.enter_async_context(_database(settings, uri))
            name, models = name_of(settings, uri), models_file(settings)
            layers = await held.enter_async_context(
                layered(settings, behind, uri=uri, name=name, models=models)
            )
            indexer = indexer_of(settings, engine, layers.seen, name)
            traced = TracedDatabase(marking(layers, engine, indexer))
            gateway = RepositoryGateway(nullcontext(traced), name=name, models=models)
            await held.enter_async_context(gateway)
            if given.ensure_indexes:
                await gateway.ensure_indexes()
            search = search_of(settings, gateway, traced, engine, name=name)
            ranks = not is_relay(settings, uri)
            entering = Entering(settings.ledger_uri)
            comparing = comparing_of(
                settings, search, [counted(told.metrics), entering.judged], name=name, ranks=ranks
            )
            entered = None if comparing is None else entering
            await held.enter_async_context(beside(indexer, comparing, entered, reaping_of(behind)))
            front = Front(
                gateway,
                traced,
                tokens=tokens,
                answers=settings.answers_uri,
                name=name,
                limits=_limits(settings),
                answered=told.metrics.request,
                spans=told.spans,
                searching=searching_of(search, indexer, comparing),
            )
            try:
                await front.run(
                    host=address.host,
                    port=address.port,
                    drain_s=given.drain_s,
                    tls=tls_of(given.tls_certificate, given.tls_key, where="http.tls_certificate"),
                )
            except OSError as error:
                raise SettingsError(
                    f"the API cannot be served at {address.host}:{address.port}: {error.strerror}",
                    where="http.listen",
                    remedy="name a free address",
                ) from error


def database_uri(settings: Settings) -> str:
    """Return the address of the database: as set, else as DATABASE_TYPE says."""
    if settings.http.database:
        return settings.http.database
    kind = os.environ.get(TYPE_VARIABLE)
    if kind is None:
        return settings.demand("legacy.uri")
    known = {"mongodb": settings.legacy.uri, "postgresql": settings.gateway.uri}
    return known.get(kind) or url_from(os.environ)


def _database(settings: Settings, uri: str) -> AbstractAsyncContextManager[Database]:
    given = settings.http
    return database_for(uri, connections=given.connections, entities=maps_of(settings))


def name_of(settings: Settings, uri: str) -> str:
    """Return the name of the application's database."""
    if settings.http.name:
        return settings.http.name
    for address in (uri, settings.legacy.uri):
        if address.startswith("mongodb") and (path := urlsplit(address).path.strip("/")):
            return path
    return _DEFAULT_NAME


def models_file(settings: Settings) -> Path:
    """Return the file of the models; SettingsError where there is none."""
    named = settings.http.models
    for path in (Path(named), _SHIPPED / f"{named}.json"):
        if path.is_file():
            return path
    raise SettingsError(
        f"there are no models {named!r}",
        where="http.models",
        remedy="name a file of exported models, or `librechat`",
    )


def _limits(settings: Settings) -> Limits:
    given = settings.http
    return Limits(
        body_bytes=given.max_body_bytes,
        file_bytes=given.max_file_bytes,
        requests_per_s=given.requests_per_s,
        burst=given.burst,
        request_s=given.request_s,
        transaction_s=given.transaction_s,
        transactions=given.transactions,
        keep_answers_s=given.keep_answers_s,
    )
