"""One call of the API, read and allowed, and what is answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from adapters.gateway import Transaction
from proxy.http.entity import Entity
from proxy.http.parts import Parts
from proxy.http.tokens import Scope, Token

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a handler goes by.

    `given` are the parameters of the query, or the members of the body; `path` the parts of the path by name.
    """

    parts: Parts
    token: Token
    path: Mapping[str, str]
    given: Mapping[str, Any]
    headers: Mapping[str, str]
    entity: Entity | None = None
    session: Transaction | None = None

    @property
    def is_admin(self) -> bool:
        """Whether hidden fields may be named."""
        return self.token.allows(Scope.ADMIN)

    @property
    def on(self) -> Entity:
        """The entity that the path names."""
        if self.entity is None:
            raise RuntimeError("the route has no entity")
        return self.entity


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is answered: a value as Extended JSON; `document` None has no body at all."""

    status: int = 200
    document: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
