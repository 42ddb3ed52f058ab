"""Real database servers on loopback, for the demo and the tests.

They come from the `demo` extra or from the machine (`MONGOD_BIN`, `PG_BIN`), hold throw-away data and die with
the process that started them. Nothing that serves an application uses them.
"""

from proxy.embedded.mongod import EmbeddedMongo, Mongod, MongoUser, TlsFiles, embedded_mongo
from proxy.embedded.postgres import EmbeddedPostgres, StopMode, embedded_postgres

__all__ = [
    "EmbeddedMongo",
    "EmbeddedPostgres",
    "MongoUser",
    "Mongod",
    "StopMode",
    "TlsFiles",
    "embedded_mongo",
    "embedded_postgres",
]
