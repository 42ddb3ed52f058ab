import importlib.util
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from adapters.composing import composition, service_of
from adapters.registry import adapter, adapters

ROOT = Path(__file__).parents[3]
OURS = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


@pytest.mark.parametrize("name", ["meilisearch", "mongodb", "postgresql"])
def test_the_composition_of_parallax_has_the_same_services(name: str) -> None:
    [(service, block)] = service_of(adapter(name)).items()

    assert OURS[service] == block


def test_every_volume_is_declared_and_no_secret_has_a_default() -> None:
    text = composition(adapters(), name="all")
    document = yaml.safe_load(text)

    mounted = {
        each.partition(":")[0]
        for service in document["services"].values()
        for each in service["volumes"]
    }
    assert document["volumes"].keys() == mounted
    assert len(document["services"]) == len([each for each in adapters() if each.package])
    assert not re.search(r"\$\{\w+\}|\$\{\w+:-", text)


_PACKAGE = importlib.util.find_spec("compose")
if _PACKAGE is not None and _PACKAGE.origin is not None:
    DOCKER_COMPOSE = Path(_PACKAGE.origin).parent / "docker-compose"

    def test_docker_compose_accepts_all_of_them(tmp_path: Path) -> None:
        text = composition(adapters(), name="all")
        file = tmp_path / "compose.yaml"
        file.write_text(text)
        secrets = dict.fromkeys(re.findall(r"\$\{(\w+):\?", text), "secret")

        accepted = subprocess.run(
            [DOCKER_COMPOSE, "--file", file, "config", "--quiet"],
            env=os.environ | secrets,
            capture_output=True,
            text=True,
            check=False,
        )

        assert accepted.returncode == 0, accepted.stderr
