"""Write the dashboards for Grafana.

    .venv/bin/python -m scripts.grafana

They are made with Grafana's own typed builders, so that a file cannot say what Grafana does not know.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from scripts.grafana.collection import collection
from scripts.grafana.latency import latency
from scripts.grafana.migration import migration
from scripts.grafana.overview import overview
from scripts.grafana.verifier import verifier

FOLDER: Final = Path(__file__).parents[2] / "dashboards" / "grafana"


def dashboards() -> Mapping[str, str]:
    """Return the dashboards by the name of their file."""
    built = {
        "overview": overview(),
        "collection": collection(),
        "latency": latency(),
        "verifier": verifier(),
        "migration": migration(),
    }
    return {
        f"{name}.json": json.dumps(each.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
        for name, each in built.items()
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in dashboards().items():
        (FOLDER / file).write_text(text)
