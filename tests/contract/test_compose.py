"""docker-compose.yml and what it runs: every name in it is one that the code knows."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from headgate import __version__
from headgate.config import ENV_PREFIX, Settings, load_settings
from headgate.judge.durations import parse_duration_ms
from headgate.local.kafka import KAFKA_VERSION
from headgate.pipeline.worker import _make_agents, _registry
from headgate.sim.scenarios import find_scenario
from support.commands import headgate

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = {name for name, service in SERVICES.items() if service["restart"] == "no"}
OURS = {name for name, service in SERVICES.items() if "build" in service}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PINNED = re.compile(r"^[a-z0-9./-]+:v?\d+\.\d+\.\d+(-[a-z]+)*$")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
DASHBOARD_FILE = ROOT / "deploy" / "grafana" / "dashboards" / "headgate.json"
DASHBOARD: dict[str, Any] = json.loads(DASHBOARD_FILE.read_text())
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]


def parsed(arguments: list[str]) -> dict[str, Any]:
    """The options of a `headgate` command line, as the command line itself reads them."""
    command: Any = headgate()
    context = None
    while hasattr(command, "resolve_command"):
        context = command.make_context("headgate", list(arguments), parent=context)
        _, command, arguments = command.resolve_command(context, arguments)
    found = command.make_context("headgate", list(arguments), parent=context)
    return dict(found.params)


def dockerfile_settings() -> dict[str, str]:
    return dict(re.findall(rf"({ENV_PREFIX}[A-Z_]+)=(\S+)", DOCKERFILE))


# Images


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_to_a_full_version(name: str) -> None:
    assert PINNED.match(SERVICES[name]["image"])


def test_the_images_are_of_the_versions_that_the_tests_run() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    assert {SERVICES[name]["image"] for name in OURS} == {f"headgate:{__version__}"}


def test_our_image_is_built_in_stages_from_pinned_bases_and_pinned_packages() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 2
    assert all(PINNED.match(base) for base in bases)
    assert (
        len({base.removesuffix("-slim-bookworm").removesuffix("-bookworm") for base in bases}) == 1
    )
    assert "-c constraints.txt '.[worker]'" in DOCKERFILE


def test_our_image_runs_headgate_without_root() -> None:
    final = DOCKERFILE.split("FROM ")[-1]
    (user,) = re.findall(r"^USER (\d+)$", final, re.MULTILINE)
    assert int(user) > 0
    assert 'ENTRYPOINT ["headgate"]' in final


def test_the_image_is_built_from_nothing_that_its_context_leaves_out() -> None:
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    copied = [
        name
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
        for name in line.split()
    ]
    assert copied
    assert set(copied) <= set(allowed)
    assert all((ROOT / name).exists() for name in copied)


# Services


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_SHOT))
def test_every_service_that_lasts_has_a_health_check_and_comes_back(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_only_the_topics_job_ends_and_what_needs_topics_waits_for_it() -> None:
    assert {"topics"} == ONE_SHOT
    assert SERVICES["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    done = {"topics": {"condition": "service_completed_successfully"}}
    assert all(SERVICES[name]["depends_on"] == done for name in OURS - ONE_SHOT)


def test_a_fleet_and_a_router_are_ended_as_by_ctrl_c_and_a_worker_by_sigterm() -> None:
    signals = {name: SERVICES[name].get("stop_signal") for name in OURS - ONE_SHOT}
    assert signals == {"fleet": "SIGINT", "router": "SIGINT", "worker": None}


def test_there_are_several_workers() -> None:
    assert SERVICES["worker"]["deploy"]["replicas"] >= 2


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_setting_is_known_and_valid(name: str) -> None:
    given = {**dockerfile_settings(), **SERVICES[name].get("environment", {})}
    known = {f"{ENV_PREFIX}{field.upper()}" for field in Settings.model_fields}
    assert set(given) <= known
    settings = load_settings(environ={key: str(value) for key, value in given.items()})
    host, port = settings.bootstrap_servers.split(":")
    assert host in SERVICES
    assert f"INSIDE://{host}:{port}" in SERVICES[host]["environment"]["KAFKA_ADVERTISED_LISTENERS"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_and_health_check_is_one_that_headgate_has(name: str) -> None:
    parsed([str(word) for word in SERVICES[name]["command"]])
    check = SERVICES[name].get("healthcheck", {}).get("test", [])
    if "headgate" in check:
        parsed(check[check.index("headgate") + 1 :])


def test_the_topics_job_asks_for_as_many_copies_as_there_are_brokers() -> None:
    assert parsed(SERVICES["topics"]["command"])["replication_factor"] == 1


def test_the_commands_to_paste_are_such_that_headgate_has_for_the_fleets_model() -> None:
    lines = re.findall(r"^#   docker compose exec worker headgate (.+)$", TEXT, re.MULTILINE)
    fleet = parsed(SERVICES["fleet"]["command"])
    assert len(lines) == 3
    for line in lines:
        options = parsed(shlex.split(line))
        assert options["model"] == fleet["model"]
        for role in {"stable", "candidate"} & set(options):
            assert options[role] == fleet[role]


def test_the_fleet_turns_bad_in_a_way_that_is_rolled_back() -> None:
    fleet = parsed(SERVICES["fleet"]["command"])
    assert find_scenario(fleet["scenario"]).action == "rollback"
    assert parse_duration_ms(fleet["duration"]) > parse_duration_ms(fleet["turns_after"])


def test_nothing_is_open_to_other_machines() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_mounted_file_is_there() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    for source in (mount.split(":")[0] for mount in mounts):
        assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]


# What Prometheus and Grafana ask for


@pytest.fixture(scope="module")
def metrics() -> dict[str, str]:
    """Every metric that a worker exposes, by the name that queries use, with its kind."""
    page = generate_latest(_registry(_make_agents(Settings(embedded=True)))).decode()
    return {
        f"{family.name}_total" if family.type == "counter" else family.name: family.type
        for family in text_string_to_metric_families(page)
    }


def queries() -> list[str]:
    targets = [target for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return [target["expr"] for target in targets] + [rule["expr"] for rule in RULES]


@pytest.mark.parametrize("query", queries())
def test_every_query_asks_for_metrics_that_a_worker_has(
    query: str, metrics: dict[str, str]
) -> None:
    asked = re.findall(r"\bheadgate_[a-z_]+", query)
    assert asked or "up{" in query
    assert set(asked) <= set(metrics)


@pytest.mark.parametrize("query", queries())
def test_counters_are_asked_for_as_rates_and_gauges_are_not(
    query: str, metrics: dict[str, str]
) -> None:
    rated = re.findall(r"\b(?:rate|increase|absent)\((headgate_[a-z_]+)", query)
    counters = [n for n in re.findall(r"\bheadgate_[a-z_]+", query) if metrics[n] == "counter"]
    assert sorted(rated) == sorted(counters)


def test_the_documented_metrics_are_those_that_a_worker_has(metrics: dict[str, str]) -> None:
    table = OPERATIONS.split("## Metrics")[1].split("\n## ")[0]
    assert set(re.findall(r"`(headgate_[a-z_]+)", table)) == set(metrics)


def test_prometheus_finds_every_worker_on_its_port() -> None:
    (job,) = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert found["names"] == ["worker"]
    assert found["port"] == Settings.model_fields["http_port"].default
    assert dockerfile_settings()["HEADGATE_HTTP_HOST"] == "0.0.0.0"
    jobs = {name for query in queries() for name in re.findall(r'job="([^"]+)"', query)}
    assert jobs == {job["job_name"]}


def test_prometheus_reads_its_rules_from_where_they_are_mounted() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    assert "./deploy/prometheus:/etc/prometheus:ro" in SERVICES["prometheus"]["volumes"]
    assert config["rule_files"] == ["/etc/prometheus/alerts.yml"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_leads_to_a_heading_of_the_runbook(rule: dict[str, Any]) -> None:
    file, anchor = rule["annotations"]["runbook"].split("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / file).read_text(), re.MULTILINE)
    assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_the_dashboard_asks_the_data_source_that_is_provisioned() -> None:
    provisioning = ROOT / "deploy" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())[
        "datasources"
    ]
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {source["uid"]}
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in SERVICES


def test_the_dashboard_is_provisioned_from_where_it_is_mounted_and_is_the_home_page() -> None:
    folder = ROOT / "deploy" / "grafana" / "provisioning" / "dashboards"
    (provider,) = yaml.safe_load((folder / "headgate.yaml").read_text())["providers"]
    place = provider["options"]["path"]
    assert f"./deploy/grafana/dashboards:{place}:ro" in SERVICES["grafana"]["volumes"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{place}/{DASHBOARD_FILE.name}"


def test_no_two_panels_share_an_id_or_overlap() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        mine = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & mine, panel["title"]
        cells |= mine
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
