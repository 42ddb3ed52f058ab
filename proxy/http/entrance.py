"""The way in: who asks, whether they may, and how often."""

import re
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from proxy.http.declared import Route
from proxy.http.pacing import Pacing
from proxy.http.problems import Code, ProblemError
from proxy.http.tokens import Scope, Token, Tokens

_BEARER: Final = re.compile(r"Bearer +([A-Za-z0-9._~+/=-]{1,500})", re.IGNORECASE)
_CHALLENGE: Final[Mapping[str, str]] = {"WWW-Authenticate": 'Bearer realm="parallax"'}


class Entrance:
    """Lets requests in by their token. `strangers` paces by address whoever has none."""

    def __init__(self, tokens: Tokens, *, known: Pacing, strangers: Pacing) -> None:
        self._tokens = tokens
        self._known = known
        self._strangers = strangers

    def admit(self, route: Route, request: web.Request) -> Token:
        """Return whose request it is; ProblemError where it is not let in."""
        token = self._token(request)
        if token is None:
            self._pace(self._strangers, str(request.remote))
            raise ProblemError(
                Code.UNAUTHENTICATED, "send `Authorization: Bearer TOKEN`", headers=_CHALLENGE
            )
        self._pace(self._known, token.name)
        scope = Scope.ADMIN if route.scope is None else route.scope
        if not token.allows(scope):
            raise ProblemError(Code.OUT_OF_SCOPE, f"it takes a token with the scope {scope}")
        if token.user is not None and not route.owned:
            raise ProblemError(Code.OUT_OF_SCOPE, "a token of a user may only search")
        return token

    def _token(self, request: web.Request) -> Token | None:
        bearer = _BEARER.fullmatch(request.headers.get("Authorization", ""))
        return None if bearer is None else self._tokens.owner_of(bearer[1])

    def _pace(self, pacing: Pacing, caller: str) -> None:
        wait_s = pacing.wait_s(caller)
        if wait_s:
            raise ProblemError(
                Code.TOO_MANY_REQUESTS,
                "slow down",
                headers={"Retry-After": str(max(1, round(wait_s)))},
            )
