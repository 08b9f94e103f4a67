"""provisioning/kubernetes: the manifests, by the API's schemas and by what they promise."""

from __future__ import annotations

import shutil
import subprocess
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from accelnet_agent.daemon_arguments import OTHER_PATHS, parse, unknown_variables

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "provisioning/kubernetes"
VERSIONS = ("1.30", "1.33", "1.37")  # of AKS, from the oldest that is still in support
UNITS = ROOT / "systemd/accelnet-agent.service"


def _documents(path: Path) -> list[dict[str, Any]]:
    return [found for found in yaml.safe_load_all(path.read_text(encoding="utf-8")) if found]


def _kind(path: Path, kind: str) -> dict[str, Any]:
    return next(found for found in _documents(path) if found["kind"] == kind)


@pytest.fixture(name="pod", params=["accelnet-agent.yaml", "npd/node-problem-detector.yaml"])
def fixture_pod(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What each DaemonSet makes on a node."""
    found: dict[str, Any] = _kind(FOLDER / request.param, "DaemonSet")["spec"]["template"]["spec"]
    return found


@pytest.fixture(name="agent")
def fixture_agent() -> dict[str, Any]:
    """The agent's own pod."""
    daemon_set = _kind(FOLDER / "accelnet-agent.yaml", "DaemonSet")
    found: dict[str, Any] = daemon_set["spec"]["template"]["spec"]
    return found


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
@pytest.mark.parametrize("folder", [".", "npd"])
def test_kubectl_builds_them(folder: str) -> None:
    """`kubectl kustomize` has the image, and the plugin as it stands in its file."""
    ran = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER / folder)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    documents = [found for found in yaml.safe_load_all(ran.stdout) if found]
    _validate(documents)
    images = [
        container["image"]
        for found in documents
        if found["kind"] == "DaemonSet"
        for container in found["spec"]["template"]["spec"]["containers"]
    ]
    assert len(images) == 1
    assert images[0].startswith("registry.example/")
    for found in documents:
        if found["kind"] == "ConfigMap":
            plugin = (FOLDER / "npd/accelnet-npd").read_text(encoding="utf-8")
            assert found["data"]["accelnet-npd"] == plugin


def _validate(documents: list[dict[str, Any]]) -> None:
    """By the schemas of the Kubernetes API, where these are installed."""
    if find_spec("kubernetes_validate") is None:
        return
    validator = import_module("kubernetes_validate")
    for document in documents:
        for version in VERSIONS:
            validator.validate(document, version, strict=True)


@pytest.mark.parametrize("path", ["accelnet-agent.yaml", "npd/node-problem-detector.yaml"])
def test_the_api_takes_them(path: str) -> None:
    """Strictly: no field that it does not know."""
    pytest.importorskip("kubernetes_validate", reason="tests/provisioning/run has it")
    _validate(_documents(FOLDER / path))


def test_a_pod_has_no_privilege(pod: dict[str, Any]) -> None:
    """As "restricted" of the Pod Security Standards, but for the host's network and files."""
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostPID", "hostIPC", "shareProcessNamespace"} & set(pod)
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_a_pod_is_on_every_node_that_has_a_kernel(pod: dict[str, Any]) -> None:
    """Whatever the taints; virtual nodes have no kernel of their own, and tolerate everything."""
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert pod["hostNetwork"] is True
    assert pod["enableServiceLinks"] is False
    (terms,) = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    assert terms["matchExpressions"] == [
        {"key": "type", "operator": "NotIn", "values": ["virtual-kubelet"]}
    ]


def test_every_file_of_the_node_is_read_only(agent: dict[str, Any]) -> None:
    """And what it writes is the pod's own; no socket of the node can be reached."""
    (container,) = agent["containers"]
    volumes = {found["name"]: found for found in agent["volumes"]}
    for mount in container["volumeMounts"]:
        path = volumes.pop(mount["name"]).get("hostPath", {}).get("path")
        if path is None:
            assert mount["mountPath"] == "/state"
            continue
        assert mount["readOnly"] is True
        assert mount["mountPath"] == f"/host{path}"
        assert path not in ("/", "/etc", "/run", "/var", "/proc", "/dev")
    assert not volumes


def test_the_agent_takes_its_arguments(agent: dict[str, Any]) -> None:
    """No flag and no variable that it does not know."""
    (container,) = agent["containers"]
    environment = {found["name"]: found.get("value", "10.0.0.4") for found in container["env"]}
    arguments = [word.replace("$(NODE_ADDRESS)", "10.0.0.4") for word in container["args"]]
    options = parse(arguments, environment)
    assert options.path_rootfs == "/host"
    assert options.web_listen_address == ("127.0.0.1:9975", "10.0.0.4:9975")
    assert options.state_directory == "/state"
    assert not unknown_variables(environment)


def test_the_probes_ask_whether_the_agent_works(agent: dict[str, Any]) -> None:
    """/livez alone: to restart a pod, or to call it not ready, mends no VF."""
    (container,) = agent["containers"]
    (port,) = container["ports"]
    assert port["name"] == "metrics"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {"path": "/livez", "port": "metrics"}
    assert "/livez" in OTHER_PATHS


def test_its_memory_is_that_of_the_unit(agent: dict[str, Any]) -> None:
    """docs/performance.md measured the one; the pod gets no less."""
    (container,) = agent["containers"]
    assert "MemoryMax=192M\n" in UNITS.read_text(encoding="utf-8")
    assert container["resources"]["limits"] == {"memory": "192Mi"}


def test_monitors_find_it_by_its_label() -> None:
    """What a PodMonitor selects."""
    daemon_set = _kind(FOLDER / "accelnet-agent.yaml", "DaemonSet")
    label = {"app.kubernetes.io/name": "accelnet-agent"}
    assert daemon_set["spec"]["selector"]["matchLabels"] == label
    assert daemon_set["spec"]["template"]["metadata"]["labels"] == label
