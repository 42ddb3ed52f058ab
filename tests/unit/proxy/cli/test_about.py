import json

from proxy.cli.about import about
from proxy.settings import Settings
from proxy.settings_sections import Dashboard, Gateway, Ledger, Legacy, Telemetry

SECRET = "hunter2"


def test_settings_are_told_without_any_address() -> None:
    settings = Settings(
        legacy=Legacy(uri=f"mongodb://ada:{SECRET}@host/"),
        gateway=Gateway(uri=f"postgresql://ada:{SECRET}@host/db"),
        ledger=Ledger(uri=f"postgresql://ada:{SECRET}@host/db"),
        telemetry=Telemetry(otlp_endpoint=f"http://ada:{SECRET}@host"),
        dashboard=Dashboard(token=f"{SECRET}{SECRET}{SECRET}"),
    )

    told = about(settings)

    assert SECRET not in str(told)
    assert json.loads(told["settings"])["verifier"]["nice"] == 19
    assert about(Settings())["settings_digest"] == told["settings_digest"]
