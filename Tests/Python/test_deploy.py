"""What deploy/ says is true: its files are well-formed, name what there is, and set what can be set.

No container engine is needed: what they run is checked with the built binary, promtool and systemd-analyze.
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import urllib.request

import pytest
import yaml
from conftest import BINARY, serving

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
DOCKERFILE = DEPLOY / "Dockerfile"
UNIT = DEPLOY / "systemd" / "cairn.service"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
RULES = DEPLOY / "prometheus" / "rules.yml"


def files(*suffixes):
    found = [path for path in sorted(DEPLOY.rglob("*")) if path.suffix in suffixes]
    assert found
    return found


def name_of(path):
    return str(path.relative_to(DEPLOY))


# What `cairn config check` warns of where a server can be reached from other machines.
EXPOSED = re.compile(r"cairn: warning: (anybody who can reach|what comes and goes over) 0\.0\.0\.0:4747 ")


def config_check(arguments=(), environment=(), directory=REPOSITORY):
    """Runs `cairn config check`; fails if it complains, also of a variable that is no setting."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CAIRN_")}
    run = subprocess.run([BINARY, "config", "check", *arguments], env=clean | dict(environment), cwd=directory,
                         capture_output=True, text=True, timeout=60)
    # Containers listen for whoever their network lets in; that they say so is right.
    complaints = [line for line in run.stderr.splitlines() if not EXPOSED.match(line)]
    assert run.returncode == 0 and not complaints, run.stderr


# Syntax

@pytest.mark.parametrize("path", files(".yaml", ".yml"), ids=name_of)
def test_yaml(path):
    assert yaml.safe_load(path.read_text())


@pytest.mark.parametrize("path", files(".json"), ids=name_of)
def test_json(path):
    assert json.loads(path.read_text())


# The image

def instructions():
    """The Dockerfile's instructions, continued lines joined, comments left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(text.split(None, 1)) for text in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()]


def last(name):
    """The value of the last instruction of that name."""
    return [value for instruction, value in instructions() if instruction == name][-1]


def test_image_is_built_in_stages_and_runs_without_rights():
    stages = [value.split() for instruction, value in instructions() if instruction == "FROM"]
    assert [stage[0] for stage in stages] == ["swift:6.3-bookworm", "debian:12-slim"]
    uid, gid = last("USER").split(":")
    assert int(uid) > 0 and int(gid) > 0
    assert f"--uid {uid}" in last_run() and f"--gid {gid}" in last_run()


def last_run():
    return [value for instruction, value in instructions() if instruction == "RUN"][-1]


def test_image_copies_what_there_is():
    stages = [value.split()[-1] for instruction, value in instructions() if instruction == "FROM"]
    for _, value in filter(lambda entry: entry[0] == "COPY", instructions()):
        *sources, target = value.split()
        if sources[0].startswith("--from="):
            assert sources[0].removeprefix("--from=") in stages
        else:
            assert all((REPOSITORY / source).exists() for source in sources), value
    targets = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    built = [word for _, value in instructions() for word in re.findall(r"\bmake ([a-z-]+)", value)]
    assert built and set(built) <= set(targets)


def environment_of_image():
    return dict(shlex.split(last("ENV"))[index].split("=", 1) for index in range(len(shlex.split(last("ENV")))))


def test_image_sets_what_can_be_set():
    command = json.loads(last("ENTRYPOINT")) + json.loads(last("CMD"))
    assert command[:2] == ["cairn", "serve"]
    config_check(command[2:], environment_of_image())


def test_image_publishes_what_it_listens_on():
    environment = environment_of_image()
    ports = [environment[name].rsplit(":", 1)[1] for name in ("CAIRN_LISTEN", "CAIRN_MONITOR")]
    assert last("EXPOSE").split() == ports


def test_health_check_of_the_image(tmp_path):
    command = json.loads(last("HEALTHCHECK")[last("HEALTHCHECK").index("CMD") + 3:])
    assert command[0] == "cairn"
    place = command.index("--address") + 1
    assert command[place].rsplit(":", 1)[1] == environment_of_image()["CAIRN_LISTEN"].rsplit(":", 1)[1]
    with serving(tmp_path, "--store", "memory:") as server:
        command[place] = server.address
        subprocess.run([BINARY, *command[1:]], check=True, capture_output=True, timeout=60)
        server.stop()
        assert subprocess.run([BINARY, *command[1:]], capture_output=True, timeout=60).returncode != 0


@pytest.mark.skipif(shutil.which("readelf") is None or shutil.which("dpkg-query") is None,
                    reason="needs readelf and Debian's packages")
def test_image_has_the_libraries_that_the_binary_needs():
    dynamic = subprocess.run(["readelf", "--dynamic", BINARY], check=True, capture_output=True, text=True).stdout
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    assert needed
    # The C library is in every image; Swift's are inside the released binary.
    own = re.compile(
        r"libswift|libFoundation|lib_Foundation|libdispatch|libBlocksRuntime|libc\.|libm\.|libgcc_s|ld-linux")
    for library in filter(lambda name: not own.match(name), needed):
        owner = subprocess.run(["dpkg-query", "--search", f"*/{library}"], check=True, capture_output=True, text=True)
        packages = {line.split(":")[0] for line in owner.stdout.splitlines()}
        assert packages & set(re.findall(r"[a-z0-9.+-]+", last_run())), f"{library} is in {packages}"


# The composition

def cairn_services():
    return {name: service for name, service in COMPOSE["services"].items() if name.startswith("cairn-")}


def test_composition_sets_what_can_be_set():
    assert len(cairn_services()) == 2
    for service in cairn_services().values():
        environment = {name: re.sub(r"\$\{[^}]*\}", "x", value) for name, value in service["environment"].items()}
        config_check(service.get("command", ["serve"])[1:], environment_of_image() | environment)


def test_composition_mounts_and_builds_what_there_is():
    for service in COMPOSE["services"].values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert (DEPLOY / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], mount
        for name in service.get("depends_on", []):
            assert name in COMPOSE["services"]
        if "build" in service:
            context = DEPLOY / service["build"]["context"]
            assert (context / service["build"]["dockerfile"]).is_file()
        # Nothing is published to the world unless somebody says so.
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    published = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert len(published) == len({port.split(":")[1] for port in published})


def test_composition_names_services_that_there_are():
    services = COMPOSE["services"]
    for service in cairn_services().values():
        environment = service["environment"]
        assert re.search(r"@(\w+)/", environment["CAIRN_STORE"])[1] in services
        assert re.match(r"grpc://(\w+):4317$", environment["CAIRN_TRACE_TO"])[1] in services
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    targets = [target for job in scraped for group in job["static_configs"] for target in group["targets"]]
    port = environment["CAIRN_MONITOR"].rsplit(":", 1)[1]
    assert sorted(targets) == sorted(f"{name}:{port}" for name in cairn_services())
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/cairn.yml").read_text())["datasources"]
    assert all(re.match(r"http://(\w+):\d+$", source["url"])[1] in services for source in sources)


def test_grafana_finds_its_dashboards_and_their_data():
    provider, = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/cairn.yml").read_text())["providers"]
    mounts = dict(mount.split(":")[:2][::-1] for mount in COMPOSE["services"]["grafana"]["volumes"])
    assert (DEPLOY / mounts[provider["options"]["path"]]) == DEPLOY / "grafana" / "dashboards"
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/cairn.yml").read_text())["datasources"]
    for path in DASHBOARDS:
        used = set(re.findall(r'"type": "prometheus",\s*"uid": "([^"]+)"', path.read_text()))
        assert used and used <= {source["uid"] for source in sources}


# The queries

def panels():
    return [(path.stem, panel) for path in DASHBOARDS for panel in json.loads(path.read_text())["panels"]]


def queries():
    """Every query, with what it is of."""
    found = [(f"{stem}: {panel['title']}", target["expr"]) for stem, panel in panels() for target in panel["targets"]]
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        found += [(rule["alert"], rule["expr"]) for rule in group["rules"]]
    return found


def documented_metrics():
    """The metrics of the documentation, with their labels."""
    page = (REPOSITORY / "docs" / "reference" / "monitoring.md").read_text()
    rows = re.findall(r"^\| `((?:cairn|process)_[a-z_]+)` \| ([a-z, ]*) \|", page, re.MULTILINE)
    return {name: set(filter(None, labels.replace(" ", "").split(","))) for name, labels in rows}


@pytest.mark.parametrize("name, query", queries(), ids=[name for name, _ in queries()])
def test_queries_ask_for_metrics_and_labels_that_there_are(name, query):
    known = documented_metrics()
    asked = set(re.findall(r"\b(?:cairn|process)_[a-z_]+", query)) or {"up"}
    labels = {"instance", "job", "le"}
    for metric in asked - {"up"}:
        family = metric if metric in known else re.sub(r"_(bucket|sum|count)$", "", metric)
        assert family in known, f"{metric} is not in docs/reference/monitoring.md"
        labels |= known[family]
    by = [word for group in re.findall(r"\bby \(([^)]*)\)", query) for word in re.findall(r"\w+", group)]
    matched = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", query)
    assert set(by + matched) <= labels


def test_a_live_server_has_the_metrics_of_the_queries(tmp_path):
    # Those that not every server has: of a database, of traces, and of what has not happened yet.
    elsewhere = re.compile(r"cairn_database_|cairn_trace_|cairn_batch_failures_total$")
    with serving(tmp_path, "--store", "memory:", "--monitor", "127.0.0.1:0") as server:
        subprocess.run([BINARY, "set", "--address", server.address, "k", "v"], check=True, capture_output=True)
        address = next(line.split()[-1] for line in server.process.stdout if line.startswith("monitoring on "))
        page = urllib.request.urlopen(f"http://{address}/metrics", timeout=30).read().decode()
    served = set(re.findall(r"^([a-z_]+)[{ ]", page, re.MULTILINE))
    asked = {metric for _, query in queries() for metric in re.findall(r"\b(?:cairn|process)_[a-z_]+", query)}
    assert {metric for metric in asked if not elsewhere.match(metric)} <= served


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian: prometheus)")
def test_prometheus_takes_configuration_rules_and_queries(tmp_path):
    def promtool(*arguments):
        run = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60)
        assert run.returncode == 0, run.stdout + run.stderr

    promtool("check", "config", str(DEPLOY / "prometheus" / "prometheus.yml"))
    promtool("check", "rules", str(RULES))
    # A dashboard's queries are made rules, which promtool reads; Grafana puts its variables in before it asks.
    queries = [target["expr"] for _, panel in panels() for target in panel["targets"]]
    rules = [{"record": f"dashboard:query{number}",
              "expr": query.replace("$__rate_interval", "1m").replace("$instance", ".*")}
             for number, query in enumerate(queries)]
    file = tmp_path / "dashboards.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    promtool("check", "rules", str(file))


def test_panels_have_places_of_their_own():
    taken = set()
    for _, panel in panels():
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for _, panel in panels()}) == len(panels())


# The service

def unit():
    """The unit's settings; of one that is there several times, all."""
    found = {}
    for line in UNIT.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def test_the_service_sets_what_can_be_set(tmp_path):
    command = shlex.split(unit()["ExecStart"][0])
    assert command[:2] == ["/usr/bin/cairn", "serve"]
    place = command.index("--config") + 1
    command[place] = str(DEPLOY / "systemd" / pathlib.Path(command[place]).name)
    config_check(command[2:])
    settings = yaml.safe_load(pathlib.Path(command[place]).read_text())
    assert settings["store"].startswith("sqlite:/var/lib/" + unit()["StateDirectory"][0])
    sockets = [address for address in settings["listen"] if address.startswith("unix:")]
    assert all(address.startswith("unix:/run/" + unit()["RuntimeDirectory"][0]) for address in sockets)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_service(tmp_path):
    # What it starts must be there to be verified.
    copy = tmp_path / "cairn.service"
    copy.write_text(UNIT.read_text().replace("ExecStart=/usr/bin/cairn", f"ExecStart={BINARY}"))
    run = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(copy)],
                         capture_output=True, text=True, timeout=60)
    about_it = [line for line in run.stderr.splitlines() if "cairn.service" in line]
    assert run.returncode == 0 and not about_it, run.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_service_has_few_rights(tmp_path):
    shutil.copy(UNIT, tmp_path)
    run = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=20",
                          str(tmp_path / "cairn.service")], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_reload_is_the_signal_that_the_server_heeds():
    assert unit()["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert unit()["DynamicUser"] == ["yes"] and unit()["ProtectSystem"] == ["strict"]
