"""What the relay needs of feature flags. `proxy.flags.flags.Flags` is one; without any everything is in `shadow`."""

from typing import Final, Protocol

from proxy.flags.asking import Asking
from proxy.flags.dependence import Dependence
from proxy.flags.phases import Direction, Phase
from proxy.wire.login import Login
from proxy.wire.protocol.framing import Frame
from proxy.wire.protocol.hello import application_of
from proxy.wire.protocol.message import Request
from proxy.wire.protocol.sessions import session_of

MAX_REMEMBERED: Final = 1_000
"""Phases that one conversation keeps: an application reads from fewer collections."""

Key = tuple[str, str]
"""Collection and command."""


class Flagging(Protocol):
    """Say what holds for who asks."""

    def phase(self, direction: Direction, asking: Asking) -> Phase: ...

    def depends(self, direction: Direction, namespace: str) -> Dependence:
        """Return what else than the connection the phase of a collection's operations depends on."""
        ...

    def shape_in(self, message: bytes) -> str:
        """Return the shape of an operation."""
        ...


class Phases:
    """The phases of one conversation's operations: asked for once, then one look-up each until the flags change.

    Where a flag looks at the session or the shape it is one for each of them, and the message is looked at.
    """

    __slots__ = ("_application", "_client", "_connection", "_flags", "_known", "_login", "_varying")

    def __init__(self, flags: Flagging, *, connection: int, client: str, login: Login) -> None:
        self._flags = flags
        self._connection = connection
        self._client = client
        self._login = login
        self._known: dict[Key | tuple[str, str, str, str], Phase] = {}
        self._varying: dict[Key, Dependence] = {}
        """Where the look-up must be made for each session or shape."""
        self._application = ""

    def of_read(self, request: Request, raw: bytes) -> Phase:
        """Return the phase of a read."""
        return self._known.get((request.namespace, request.command)) or self._asked(
            Direction.READS, request, raw
        )

    def of_write(self, request: Request, raw: bytes) -> Phase:
        """Return the phase of a write."""
        return self._known.get((request.namespace, request.command)) or self._asked(
            Direction.WRITES, request, raw
        )

    def met(self, hello: Frame) -> None:
        """Note what the driver calls the application."""
        application = application_of(hello)
        if application and application != self._application:
            self._application = application
            self.forget()

    def forget(self) -> None:
        """Ask again: the flags have changed, or who asks is known better."""
        self._known.clear()
        self._varying.clear()

    def _asked(self, direction: Direction, request: Request, raw: bytes) -> Phase:
        namespace, command = request.namespace, request.command
        depends = self._varying.get((namespace, command))
        if depends is None:
            depends = self._flags.depends(direction, namespace)
        key: Key | tuple[str, str, str, str] = (namespace, command)
        session = shape = ""
        if depends.on_session or depends.on_shape:
            self._varying[namespace, command] = depends
            session = session_of(raw) if depends.on_session else ""
            shape = self._flags.shape_in(raw) if depends.on_shape else ""
            key = (namespace, command, session, shape)
            known = self._known.get(key)
            if known is not None:
                return known
        if len(self._known) >= MAX_REMEMBERED:
            self.forget()
        asking = Asking(
            namespace,
            command,
            self._connection,
            self._client,
            self._application,
            self._login.user,
            session,
            shape,
        )
        phase = self._known[key] = self._flags.phase(direction, asking)
        return phase
