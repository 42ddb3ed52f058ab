"""The image and the composition: linted by the tools of their trade, and true to this repository.

That they run was tried by hand; here is what would go wrong unseen when something else changes.
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy import settings
from proxy.settings_sections import Signal
from proxy.tracing.exemplar import Place, named

ROOT = Path(__file__).parents[3]
TOOLS = Path(sys.executable).parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = (ROOT / "compose.yaml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
PACKAGES = {"adapters", "comparators", "config", "dashboards", "proxy"}


def _run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in _demanded()}
    return subprocess.run(
        command, cwd=ROOT, env=clean | variables, capture_output=True, text=True, check=False
    )


def _demanded() -> set[str]:
    """Return the variables without which the composition must refuse to start."""
    return set(re.findall(r"\$\{(\w+):\?", COMPOSE))


def test_the_dockerfile_passes_its_linter() -> None:
    linted = _run(TOOLS / "hadolint", "Dockerfile")

    assert linted.returncode == 0, linted.stdout


def test_the_composition_passes_its_linter() -> None:
    linted = _run(TOOLS / "compose-lint", "check", "compose.yaml")

    assert linted.returncode == 0, linted.stdout


# Its wheel is built for one version of Python; the command it installs loses the exit code of the program in it.
_PACKAGE = importlib.util.find_spec("compose")
if _PACKAGE is not None and _PACKAGE.origin is not None:
    DOCKER_COMPOSE = Path(_PACKAGE.origin).parent / "docker-compose"

    def test_docker_compose_accepts_the_composition() -> None:
        given = dict.fromkeys(_demanded(), "secret")

        accepted = _run(DOCKER_COMPOSE, "config", "--quiet", **given)

        assert accepted.returncode == 0, accepted.stderr

    @pytest.mark.parametrize("missing", sorted(_demanded()))
    def test_docker_compose_refuses_without_each_secret(missing: str) -> None:
        given = dict.fromkeys(_demanded() - {missing}, "secret")

        refused = _run(DOCKER_COMPOSE, "config", "--quiet", **given)

        assert refused.returncode != 0
        assert f"set {missing}" in refused.stderr


def test_no_secret_has_a_value_or_a_default() -> None:
    secrets = {
        f"{service}.{name}": value
        for service, content in SERVICES.items()
        for name, value in content.get("environment", {}).items()
        if re.search(r"PASSWORD|KEY|URI", name)
    }

    assert secrets
    assert all(re.search(r"\$\{\w+:\?", value) for value in secrets.values()), secrets
    assert not re.search(r"\$\{\w*(?:PASSWORD|KEY)\w*:?-", COMPOSE)


def test_every_service_is_checked_for_health() -> None:
    checked = {name for name, service in SERVICES.items() if "healthcheck" in service}

    # The image of the collector holds nothing that could ask.
    assert checked | {"parallax", "collector"} == set(SERVICES)
    assert "HEALTHCHECK" in DOCKERFILE


def test_parallax_waits_until_both_databases_are_healthy() -> None:
    assert SERVICES["parallax"]["depends_on"] == {
        "mongo": {"condition": "service_healthy"},
        "postgres": {"condition": "service_healthy"},
    }


def test_data_lie_on_named_volumes() -> None:
    used = {source for source, _ in _mounted() if not source.startswith("./")}

    assert used == set(yaml.safe_load(COMPOSE)["volumes"])


def _mounted() -> list[tuple[str, str]]:
    """Return what is mounted, and where with which rights."""
    volumes = [volume for one in SERVICES.values() for volume in one.get("volumes", [])]
    return [(source, rest) for source, _, rest in (each.partition(":") for each in volumes)]


def test_what_is_provisioned_is_of_this_repository_and_read_only() -> None:
    provisioned = {source: rest for source, rest in _mounted() if source.startswith("./")}

    assert len(provisioned) == 4
    assert all((ROOT / source).is_dir() for source in provisioned)
    assert all(rest.endswith(":ro") for rest in provisioned.values())


def test_telemetry_is_wired_to_what_the_composition_calls_it() -> None:
    asked = SERVICES["parallax"]["environment"]["PARALLAX_TELEMETRY_PROMETHEUS"]
    prometheus = yaml.safe_load((ROOT / "dashboards/prometheus/prometheus.yml").read_text())
    collector = yaml.safe_load((ROOT / "dashboards/otel/collector.yml").read_text())
    provisioning = ROOT / "dashboards" / "grafana" / "provisioning"
    sources = {
        source["uid"]: source
        for file in (provisioning / "datasources").iterdir()
        for source in yaml.safe_load(file.read_text())["datasources"]
    }
    (provider,) = yaml.safe_load((provisioning / "dashboards/parallax.yml").read_text())[
        "providers"
    ]
    profile = {name for name, one in SERVICES.items() if one.get("profiles") == ["telemetry"]}

    assert profile == {"prometheus", "collector", "jaeger", "grafana"}
    (job,) = prometheus["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"parallax:{asked.partition(':')[2]}"]}]
    assert all(
        (ROOT / "dashboards/prometheus" / rule).exists() for rule in prometheus["rule_files"]
    )
    assert {uid: source["url"] for uid, source in sources.items()} == {
        "prometheus": "http://prometheus:9090",
        "jaeger": "http://jaeger:16686",
    }
    assert all(source["type"] == uid for uid, source in sources.items())
    (exemplars,) = sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    # As `proxy.tracing.exemplar` names it in exemplars.
    assert exemplars["name"] in named(Place(1, 2))
    assert exemplars["datasourceUid"] in sources
    assert "--enable-feature=exemplar-storage" in SERVICES["prometheus"]["command"]
    mounts = dict(_mounted())
    assert mounts["./dashboards/grafana"] == f"{provider['options']['path']}:ro"
    protocols = collector["receivers"]["otlp"]["protocols"]
    assert protocols["http"]["endpoint"] == "0.0.0.0:4318"
    assert "collector:4318" in COMPOSE


def test_what_the_collector_takes_goes_somewhere() -> None:
    collector = yaml.safe_load((ROOT / "dashboards/otel/collector.yml").read_text())
    pipelines = collector["service"]["pipelines"]

    assert pipelines.keys() == {signal.value for signal in Signal}
    used = {exporter for each in pipelines.values() for exporter in each["exporters"]}
    assert used == collector["exporters"].keys()
    assert pipelines["traces"]["exporters"] == ["otlp/jaeger"]
    host, _, port = collector["exporters"]["otlp/jaeger"]["endpoint"].partition(":")
    # Where Jaeger takes OTLP over gRPC.
    assert (host in SERVICES, port) == (True, "4317")
    # All lines, and not the number of them.
    assert collector["exporters"]["debug/lines"]["verbosity"] == "detailed"
    assert collector["exporters"]["debug/lines"]["sampling_thereafter"] == 1


def test_ports_are_published_on_loopback_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_every_variable_that_is_set_belongs_to_a_setting() -> None:
    named = set(re.findall(r"\bPARALLAX_[A-Z_]+(?==)", DOCKERFILE))
    named |= {name for name in SERVICES["parallax"]["environment"] if name.startswith("PARALLAX_")}

    assert named <= {settings.variable_of(name) for name in settings.names()}


def test_the_image_does_not_run_as_root() -> None:
    last_stage = DOCKERFILE.rsplit("\nFROM ", 1)[1]

    assert re.findall(r"^USER (\d+):(\d+)$", last_stage, re.MULTILINE) == [("10001", "10001")]


def test_the_last_stage_builds_nothing() -> None:
    last_stage = DOCKERFILE.rsplit("\nFROM ", 1)[1]

    assert not re.search(r"\b(pip|apt-get|gcc|compileall)\b", last_stage)


def test_the_image_is_built_from_every_package_and_only_what_is_let_in() -> None:
    copied = set(re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE))
    sources = {source for line in copied for source in line.split()}
    let_in = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }

    assert sources >= PACKAGES
    assert sources == let_in
    assert all((ROOT / source).exists() for source in sources)
