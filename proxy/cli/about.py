"""What a reader of evidence asks first: which release made it, and with which settings."""

import hashlib
from importlib.metadata import version

from proxy.settings import Settings


def about(settings: Settings) -> dict[str, str]:
    """Return the release, the settings as JSON without any address or token, and their digest."""
    shown = settings.model_dump_json(
        exclude={
            "legacy": {"uri"},
            "gateway": {"uri"},
            "ledger": {"uri"},
            "telemetry": {"otlp_endpoint"},
            "dashboard": {"token"},
        }
    )
    digest = hashlib.sha256(shown.encode()).hexdigest()
    return {"parallax": version("parallax"), "settings": shown, "settings_digest": digest[:12]}
