"""monitoring/scrape: Prometheus finds the VMs by it, with the labels that the rules go by."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest
import yaml

from daemon import daemon
from prometheus_server import Prometheus, prometheus
from replaying import REPLAYING

ROOT: Final = Path(__file__).parents[2]
SCRAPE: Final = ROOT / "monitoring/scrape"
FIXTURE: Final = ROOT / "tests/fixtures/mlx5-healthy"
CONFIGURATIONS: Final = sorted(
    path.stem for path in SCRAPE.glob("*.yml") if path.stem != "podmonitor"
)

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="wants prometheus (Debian's package)"
)


def _read(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((SCRAPE / name).read_text(encoding="utf-8"))
    return read


def _promtool(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(name="etc")
def fixture_etc(tmp_path: Path) -> Path:
    """The folder of an operator: the examples, and the rules where these say."""
    folder = tmp_path / "prometheus"
    shutil.copytree(SCRAPE, folder)
    (folder / "rules").mkdir()
    for path in (ROOT / "monitoring").glob("*.rules.yml"):
        shutil.copy(path, folder / "rules")
    return folder


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_promtool_accepts_it_with_the_rules(etc: Path, name: str) -> None:
    """And finds both files of rules."""
    said = _promtool(etc, "check", "config", f"{name}.yml")
    assert re.search(r"SUCCESS: \d+ rules found.*SUCCESS: \d+ rules found", said, re.DOTALL)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_job_is_called_as_the_rules_ask(name: str) -> None:
    """So that an agent that is down is told of."""
    (job,) = _read(f"{name}.yml")["scrape_configs"]
    assert job["job_name"] == "accelnet-agent"


def _found(folder: Path, configuration: Mapping[str, Any]) -> list[dict[str, str]]:
    """The labels of each target that is kept, by promtool."""
    (folder / "tried.yml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    said = _promtool(
        folder, "check", "service-discovery", "--timeout=1s", "tried.yml", "accelnet-agent"
    )
    return [one["labels"] for one in json.loads(said) if one.get("labels")]


# --- azure_sd: what Azure's API says, in the labels that Prometheus makes of it


def _a_machine(number: int, **more: str) -> dict[str, Any]:
    about = {
        "computer_name": f"web{number}",
        "location": "westeurope",
        "name": f"web{number}",
        "os_type": "Linux",
        "private_ip": f"10.0.0.{number}",
        "resource_group": "SHOP",
        "size": "Standard_D4s_v5",
        **more,
    }
    labels = {f"__meta_azure_machine_{name}": value for name, value in about.items()}
    return {"targets": [f"10.0.0.{number}:9975"], "labels": labels}


def _found_in_azure(folder: Path, *machines: dict[str, Any]) -> list[dict[str, str]]:
    configuration = _read("azure_sd.yml")
    (job,) = configuration["scrape_configs"]
    del job["azure_sd_configs"]
    (folder / "azure.json").write_text(json.dumps(machines), encoding="utf-8")
    job["file_sd_configs"] = [{"files": ["azure.json"]}]
    return _found(folder, configuration)


def test_a_vm_of_azure_has_its_name_region_and_size(etc: Path) -> None:
    """And its scale set, and its group in one case."""
    (found,) = _found_in_azure(etc, _a_machine(4, scale_set="web"))
    assert {name: value for name, value in found.items() if not name.startswith("__")} == {
        "instance": "web4:9975",
        "job": "accelnet-agent",
        "region": "westeurope",
        "resource_group": "shop",
        "scale_set": "web",
        "vm_size": "Standard_D4s_v5",
    }
    assert found["__address__"] == "10.0.0.4:9975"


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"os_type": "Windows"}, id="windows"),
        pytest.param({"tag_accelnet_scrape": "off"}, id="tagged"),
        pytest.param({"tag_aks_managed_poolName": "pool1"}, id="node-of-aks"),
    ],
)
def test_a_vm_that_is_not_to_be_scraped_is_left_out(etc: Path, more: dict[str, str]) -> None:
    """Beside one that is."""
    found = _found_in_azure(etc, _a_machine(4, **more), _a_machine(5))
    assert [one["instance"] for one in found] == ["web5:9975"]


# --- file_sd and http_sd: real agents


@pytest.fixture(name="agent", scope="module")
def fixture_agent(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The address of a real agent on a recorded machine."""
    folder = tmp_path_factory.mktemp("agent")
    arguments = (f"--path.rootfs={FIXTURE}/root", f"--state-directory={folder}")
    with daemon(folder, *arguments, program=REPLAYING) as agent:
        yield f"127.0.0.1:{agent.port}"


def _quick(configuration: dict[str, Any]) -> dict[str, Any]:
    configuration["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    configuration.pop("alerting")
    configuration.pop("rule_files")
    return configuration


def _scraped(server: Prometheus, agent: str) -> dict[str, str]:
    server.until(f'accelnet_nic_datapath{{state="vf",instance="{agent}"}} == 1')
    (found,) = server.instant(f'accelnet_build_info{{instance="{agent}"}}')
    labels: dict[str, str] = found["metric"]
    return labels


def test_agents_that_a_file_names_are_scraped(tmp_path: Path, agent: str) -> None:
    """With the labels that the file gives; and one that is written later."""
    configuration = _quick(_read("file_sd.yml"))
    (tmp_path / "vms").mkdir()
    with prometheus(tmp_path, configuration) as server:
        assert server.instant("up") == []
        target = [{"targets": [agent], "labels": {"region": "eastus", "vm_size": "Standard_X"}}]
        (tmp_path / "new").write_text(yaml.safe_dump(target), encoding="utf-8")
        (tmp_path / "new").rename(tmp_path / "vms/some.yml")
        found = _scraped(server, agent)
        (about,) = server.instant("accelnet_host_info")
    assert (found["job"], found["region"]) == ("accelnet-agent", "eastus")
    assert about["metric"]["vm_size"] == "Standard_X"


def test_the_example_of_a_file_is_read(etc: Path) -> None:
    """Three VMs in two regions."""
    found = _found(etc, _read("file_sd.yml"))
    assert sorted((one["instance"], one["region"]) for one in found) == [
        ("10.0.0.4:9975", "westeurope"),
        ("10.0.0.5:9975", "westeurope"),
        ("10.1.0.4:9975", "eastus"),
    ]


@contextmanager
def _service(body: bytes) -> Generator[str]:
    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name)
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/accelnet"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_agents_that_a_service_names_are_scraped(tmp_path: Path, agent: str) -> None:
    """By JSON over HTTP."""
    configuration = _quick(_read("http_sd.yml"))
    (job,) = configuration["scrape_configs"]
    answer = [{"targets": [agent], "labels": {"region": "westeurope"}}]
    with _service(json.dumps(answer).encode()) as address:
        job["http_sd_configs"][0]["url"] = address
        with prometheus(tmp_path, configuration) as server:
            assert _scraped(server, agent)["region"] == "westeurope"


# --- lean: fewer series


def test_what_a_lean_scrape_leaves_out_no_alert_asks_for(tmp_path: Path, agent: str) -> None:
    """Of what the agent exposes; a fifth and more is left out."""
    configuration = _quick(_read("lean.yml"))
    (tmp_path / "vms").mkdir()
    target = [{"targets": [agent]}]
    (tmp_path / "vms/one.yml").write_text(yaml.safe_dump(target), encoding="utf-8")
    with prometheus(tmp_path, configuration) as server:
        _scraped(server, agent)
        kept = {one["metric"]["__name__"] for one in server.instant('{__name__=~"accelnet_.*"}')}
        (before,) = server.instant("scrape_samples_scraped")
        (after,) = server.instant("scrape_samples_post_metric_relabeling")
    assert float(after["value"][1]) < 0.8 * float(before["value"][1])
    alerts = (ROOT / "monitoring/accelnet-alerts.rules.yml").read_text(encoding="utf-8")
    recorded = (ROOT / "monitoring/accelnet.rules.yml").read_text(encoding="utf-8")
    dropped = {"probe_duration_seconds"} | {
        f"{path}_receive_{what}_total"
        for path in ("vf", "synthetic")
        for what in ("packets", "bytes")
    }
    assert {f"accelnet_{name}" for name in dropped} & kept == set()
    assert [name for name in dropped if f"accelnet_{name}" in alerts] == []
    of_alerts = set(re.findall(r"\baccelnet_\w+", alerts + recorded.partition("fleet-traffic")[0]))
    assert "accelnet_verdict" in of_alerts & kept
    assert {f"accelnet_{name}" for name in dropped} & of_alerts == set()


# --- the Prometheus operator


def test_the_podmonitor_is_about_the_daemonset() -> None:
    """Its namespace, its pods' labels, the name of its port; and the job that the rules ask for."""
    monitor = _read("podmonitor.yaml")
    documents = yaml.safe_load_all(
        (ROOT / "provisioning/kubernetes/accelnet-agent.yaml").read_text(encoding="utf-8")
    )
    (pods,) = [one for one in documents if one["kind"] == "DaemonSet"]
    (container,) = pods["spec"]["template"]["spec"]["containers"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    labels = pods["spec"]["template"]["metadata"]["labels"]
    assert monitor["metadata"]["namespace"] == pods["metadata"]["namespace"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert endpoint["port"] in [port["name"] for port in container["ports"]]


def test_the_podmonitor_s_relabelling_is_prometheus_own(etc: Path) -> None:
    """Run over what the operator's Prometheus knows of a pod."""
    (endpoint,) = _read("podmonitor.yaml")["spec"]["podMetricsEndpoints"]
    words = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    steps = [
        {words.get(name, name): value for name, value in one.items()}
        for one in endpoint["relabelings"]
    ]
    known = {
        "__meta_kubernetes_pod_node_name": "aks-pool1-0",
        "job": "accelnet/accelnet-agent",
        "namespace": "accelnet",
        "pod": "accelnet-agent-x7k2p",
        "container": "accelnet-agent",
        "endpoint": "metrics",
    }
    (etc / "pods.json").write_text(json.dumps([{"targets": ["10.0.0.4:9975"], "labels": known}]))
    job = {
        "job_name": "accelnet-agent",
        "file_sd_configs": [{"files": ["pods.json"]}],
        "relabel_configs": steps,
    }
    (found,) = _found(etc, {"scrape_configs": [job]})
    assert {name: value for name, value in found.items() if not name.startswith("__")} == {
        "instance": "aks-pool1-0",
        "job": "accelnet-agent",
        "namespace": "accelnet",
    }


@pytest.mark.skipif(shutil.which("jq") is None, reason="wants jq")
def test_the_list_from_az_has_one_address_a_vm(etc: Path, tmp_path: Path) -> None:
    """The command in docs/scraping.md, with an az that answers as Azure's does."""
    document = (ROOT / "docs/scraping.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"```sh\n([^`]*az vm list[^`]*)```", document)
    vm = {
        "name": "web1",
        "location": "westeurope",
        "hardwareProfile": {"vmSize": "Standard_D4s_v5"},
        "powerState": "VM running",
        "privateIps": "10.0.0.6,10.0.0.7",
        "storageProfile": {"osDisk": {"osType": "Linux"}},
    }
    stopped = {**vm, "name": "web2", "powerState": "VM deallocated", "privateIps": ""}
    windows = {**vm, "name": "sql", "storageProfile": {"osDisk": {"osType": "Windows"}}}
    (tmp_path / "answer").write_text(json.dumps([vm, stopped, windows]), encoding="utf-8")
    (tmp_path / "az").write_text(f"#!/bin/sh\ncat {tmp_path}/answer\n", encoding="utf-8")
    (tmp_path / "az").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["bash", "-ec", command], cwd=etc, env={"PATH": path}, check=True)
    labels = {"instance": "web1", "region": "westeurope", "vm_size": "Standard_D4s_v5"}
    assert json.loads((etc / "vms/vms.json").read_bytes()) == [
        {"targets": ["10.0.0.6:9975"], "labels": labels}
    ]
