"""What bounds a server that answers drivers, by the settings."""

from proxy.serving.server import ServerLimits
from proxy.settings import Settings


def limits_of(settings: Settings) -> ServerLimits:
    """Return what bounds a server."""
    serving = settings.serving
    return ServerLimits(
        connections=settings.listen.max_connections,
        transactions=serving.connections // 2,
        cursor_bytes=serving.cursor_bytes,
        cursor_idle_s=serving.cursor_idle_s,
        transaction_s=serving.transaction_s,
        drain_s=serving.drain_s,
    )
