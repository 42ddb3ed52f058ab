"""Who a client is, as far as its logins through the relay tell: what MongoDB has confirmed the gateway need not ask again."""

import re
from typing import Final

from comparators.raw import BOOLEAN, elements
from proxy.wire.protocol.framing import Frame
from proxy.wire.protocol.message import Request, Treatment, body_at

_CLAIM: Final = re.compile(rb"n,(?:a=[^,]*)?,n=([^,]+),r=")
"""The first message of SCRAM; RFC 5802, section 7."""
_STARTS: Final = (b"saslStart", b"speculativeAuthenticate")


class Login:
    """The logins on one connection."""

    __slots__ = ("_claimed", "_is_other", "user")

    def __init__(self) -> None:
        self._claimed = ""
        self._is_other = False
        """Whether somebody has tried to log in by other means than SCRAM."""
        self.user = ""
        """Whom MongoDB, or the gateway, has let in; empty for nobody."""

    def asked(self, frame: Frame, request: Request) -> None:
        """Note who says to be whom."""
        raw = frame.raw
        if request.treatment is Treatment.SECRET:
            if request.command == "logout":
                self.user = ""
                return
        elif request.treatment is not Treatment.HELLO or _STARTS[1] not in raw:
            return
        found = _CLAIM.search(raw)
        if found is not None:
            claimed = found[1].decode("utf-8", "replace")
            self._claimed = claimed.replace("=2C", ",").replace("=3D", "=")
        elif any(name in raw for name in _STARTS):
            self._is_other = True

    def answered(self, frame: Frame) -> None:
        """Note that a login has come to its end."""
        raw = frame.raw
        try:
            done = any(
                field.name == b"done" and field.type == BOOLEAN and raw[field.value_at] == 1
                for field in elements(raw, body_at(raw))
            )
        except (ValueError, IndexError):
            # The driver will say what it thinks of it.
            return
        if done and self._claimed:
            self.user = self._claimed

    def crosses(self, *, to_gateway: bool) -> bool:
        """Return whether the connection can go on with the other side: MongoDB takes nobody's word for a login."""
        return not self._is_other and (to_gateway or not self.user)
