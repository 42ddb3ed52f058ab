"""A file for Docker Compose, from the services that adapters bring."""

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import yaml

from adapters.adapter import Adapter

HEAD = """\
# Made by `parallax compose`. No password has a default: put those that this file asks for into a file `.env` beside it.
#
#   docker compose up --detach --wait

"""


def service_of(adapter: Adapter) -> Mapping[str, Any]:
    """Return the service of an adapter under its name, as a compose file holds it; nothing where no server has to run."""
    if adapter.package is None:
        return {}
    text = (resources.files(adapter.package) / "service.yaml").read_text(encoding="utf-8")
    service: Mapping[str, Any] = yaml.safe_load(text)
    return service


def composition(adapters: Sequence[Adapter], *, name: str) -> str:
    """Return a compose file with the services of all these adapters, and their volumes."""
    services: dict[str, Any] = {}
    for adapter in adapters:
        services.update(service_of(adapter))
    volumes = {
        source: None
        for service in services.values()
        for source in _named_volumes(service.get("volumes", ()))
    }
    document = {"name": name, "services": services, "volumes": volumes}
    return HEAD + yaml.safe_dump(document, sort_keys=False, width=120)


def _named_volumes(mounted: Sequence[str]) -> list[str]:
    sources = [each.partition(":")[0] for each in mounted]
    return [source for source in sources if not source.startswith((".", "/"))]
