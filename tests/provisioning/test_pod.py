"""The pod of provisioning/kubernetes/accelnet-agent.yaml, as the kernel sees it.

No cluster is needed for what decides whether the agent sees the node: the namespaces, the mounts
and the user that the manifest asks for, made by bubblewrap and setpriv.  The node is a network
namespace with a veth, whose ends stand for a NIC and its VF; the files around them are a tree.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemon import MAIN, environment
from machines import read_samples
from namespaces import Namespace, a_pair, needs, run
from serving import ask
from trees import Pair, write_machine

pytestmark = needs("ip", "setpriv", "bwrap", "nsenter", "unshare")

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "provisioning/kubernetes/accelnet-agent.yaml"
NOBODY = 65534
SECONDS = 30.0
LIVE = ("ifindex", "address", "mtu", "flags", "operstate")


def _spec() -> dict[str, Any]:
    documents = yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8"))
    found: dict[str, Any] = next(
        document["spec"]["template"]["spec"]
        for document in documents
        if document["kind"] == "DaemonSet"
    )
    return found


@pytest.fixture(name="node")
def fixture_node() -> Generator[Namespace]:
    """v0 is up, v1 too; they have one MAC."""
    with a_pair("node") as found:
        found.ip("link", "set", "lo", "up")
        for name in ("v0", "v1"):
            found.ip("link", "set", name, "address", Pair().mac, "addrgenmode", "none", "up")
        yield found


@pytest.fixture(name="files")
def fixture_files(tmp_path: Path) -> Path:
    """The node's files: v0 is a NIC and v1 its VF, by the kernel's own attributes of each."""
    pair = Pair(name="v0", vf="v1")
    root = write_machine(tmp_path / "node", pairs=(pair,), samples=1) / "root"
    for name, path in (("v0", pair.folder), ("v1", pair.vf_folder)):
        for attribute in LIVE:
            (root / path / attribute).unlink()
            (root / path / attribute).symlink_to(f"/node-sys/class/net/{name}/{attribute}")
    return root


def _mounts(files: Path) -> list[str]:
    """The manifest's mounts, each of what the node has; what is there to run Python by."""
    found = ["--symlink", "../proc", "/host/proc", "--ro-bind", "/sys", "/node-sys"]
    spec = _spec()
    paths = {volume["name"]: volume.get("hostPath", {}).get("path") for volume in spec["volumes"]}
    for mount in spec["containers"][0]["volumeMounts"]:
        path = paths[mount["name"]]
        if path is None:
            found += ["--perms", "0777", "--tmpfs", mount["mountPath"]]
        elif (files / path.lstrip("/")).exists():
            found += ["--ro-bind", str(files / path.lstrip("/")), mount["mountPath"]]
    folders = {"/usr", str(ROOT), sys.prefix, sys.base_prefix, sysconfig.get_paths()["purelib"]}
    for folder in sorted(folders):
        found += ["--ro-bind", folder, folder]
    for link in ("bin", "lib", "lib64"):
        if Path("/", link).is_symlink():
            found += ["--symlink", str(Path("/", link).readlink()), f"/{link}"]
    return found


def _open(mounts: Sequence[str]) -> list[str]:
    """The folders above the mounts, which bubblewrap would make for root alone."""
    found: list[str] = []
    paths = {path for word in mounts if word.startswith("/") for path in Path(word).parents}
    for path in sorted(paths - {Path("/")}):
        found += ["--perms", "0755", "--dir", str(path)]
    return found


def _command(files: Path, program: Sequence[str], within: Namespace | None = None) -> list[str]:
    """`program` with the manifest's securityContext; `within`: in that pod's own network."""
    context = _spec()["containers"][0]["securityContext"]
    assert context["readOnlyRootFilesystem"]
    assert context["capabilities"] == {"drop": ["ALL"]}
    mounts = _mounts(files)
    enter = ["nsenter", f"--net=/run/netns/{within.name}"] if within is not None else []
    return [
        *("bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent"),
        *("--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"),
        *("--cap-add", "CAP_SETPCAP", *(("--cap-add", "CAP_SYS_ADMIN") if enter else ())),
        *("--proc", "/proc", "--dev", "/dev", *_open(mounts), *mounts),
        *(("--ro-bind", "/run/netns", "/run/netns") if enter else ()),
        *("--remount-ro", "/", "--chdir", "/", "--", *enter),
        *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
        *("--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--", *program),
    ]


class Pod:
    """An agent in a pod, asked over its network's loopback."""

    def __init__(self, process: subprocess.Popen[bytes], network: Namespace, log: Path) -> None:
        self.process, self._network, self.log = process, network, log

    def get(self, path: str) -> tuple[int, bytes]:
        """One request."""
        client = http.client.HTTPConnection("127.0.0.1", 9975, timeout=SECONDS)
        try:
            with self._network.entered():
                client.connect()
            answer = ask(client, path)
            return answer.status, answer.body
        finally:
            client.close()

    def samples(self) -> dict[str, float]:
        """A scrape."""
        return read_samples(self.get("/metrics")[1])

    def health(self) -> Any:
        """The body of /healthz."""
        return json.loads(self.get("/healthz")[1])

    def processes(self) -> list[Path]:
        """The agent and its child, as the node's /proc shows them."""
        children, found = [self.process.pid], []
        while children:
            pid = children.pop()
            with suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    children += map(int, (task / "children").read_text("ascii").split())
                if b"accelnet_agent" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(Path(f"/proc/{pid}"))
        return [path for path in found if "bwrap" not in (path / "comm").read_text("ascii")]


@contextmanager
def _pod(
    folder: Path, node: Namespace, files: Path, within: Namespace | None = None
) -> Generator[Pod]:
    arguments = [
        word.replace("$(NODE_ADDRESS)", "127.0.0.2") for word in _spec()["containers"][0]["args"]
    ]
    program = [sys.executable, "-c", MAIN, *arguments, "--imds-endpoint=off"]
    log = folder / "pod.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            ["ip", "netns", "exec", node.name, *_command(files, program, within)],
            stdout=errors,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            env=environment(),
        )
    try:
        pod, end = Pod(process, within or node, log), time.monotonic() + SECONDS
        while True:
            try:
                assert pod.get("/livez")[0] == 200
                break
            except OSError:
                alive = process.poll() is None and time.monotonic() < end
                assert alive, log.read_text(encoding="utf-8")
                time.sleep(0.05)
        yield pod
    finally:
        process.terminate()
        process.wait(SECONDS)


def _until(pod: Pod, expected: dict[str, float]) -> None:
    end = time.monotonic() + SECONDS
    while True:
        samples = pod.samples()
        found = {name: samples.get(name) for name in expected}
        if found == expected:
            return
        assert time.monotonic() < end, (found, pod.log.read_text(encoding="utf-8"))
        time.sleep(0.05)


def _events(pod: Pod) -> bool:
    """Whether it listens to link messages (/proc/PID/net/netlink: protocol 0, group 1)."""
    lines = (pod.processes()[0] / "net/netlink").read_text(encoding="ascii").splitlines()[1:]
    return ["0", "00000001"] in [line.split()[1:4:2] for line in lines]


def test_the_agent_sees_the_node(tmp_path: Path, node: Namespace, files: Path) -> None:
    """Its NICs, their statistics, and what happens to them: as nobody, without a capability."""
    with _pod(tmp_path, node, files) as pod:
        health = pod.health()
        assert health["datapaths"] == {"v0": "vf"}
        assert not [found for found in health["findings"] if found["level"] == "required"]
        assert pod.samples()['probe_success{probe="ethtool"}'] == 1
        for path in pod.processes():
            status = (path / "status").read_text(encoding="ascii")
            assert f"Uid:\t{NOBODY}\t{NOBODY}\t{NOBODY}\t{NOBODY}\n" in status
            assert "NoNewPrivs:\t1\n" in status
            for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                assert f"{kind}:\t{0:016x}\n" in status
        end = time.monotonic() + SECONDS
        while not _events(pod) and time.monotonic() < end:
            time.sleep(0.02)
        for _ in range(3):
            node.ip("link", "set", "v1", "down")
            node.ip("link", "set", "v1", "up")
        switches = {
            f'datapath_switches_total{{device="v0",to="{to}"}}': 3.0 for to in ("vf", "synthetic")
        }
        _until(pod, switches)
        node.ip("link", "set", "v1", "down")
        end = time.monotonic() + SECONDS
        while pod.health()["verdict"] != "fail" and time.monotonic() < end:
            time.sleep(0.1)
        assert json.loads(pod.get("/application-health")[1]) == {
            "ApplicationHealthState": "Unhealthy"
        }
        assert "state.unwritable" not in pod.log.read_text(encoding="utf-8")


WRITABLE = """
import os
for folder, _, _ in os.walk("/"):
    if folder.startswith(("/proc", "/dev", "/node-sys")):
        continue
    try:
        open(os.path.join(folder, "x"), "w").close()
    except OSError:
        continue
    print(folder)
"""


def test_it_can_write_its_state_and_nothing_else(
    tmp_path: Path, node: Namespace, files: Path
) -> None:
    """Of the pod's files, the node's included."""
    assert tmp_path.is_dir()
    command = _command(files, ["/usr/bin/env", sys.executable, "-I", "-c", WRITABLE])
    assert node.run(*command).split() == ["/state"]


def test_a_sysfs_shows_the_network_of_whoever_mounted_it(node: Namespace) -> None:
    """So a pod without hostNetwork sees the node's NICs in /host/sys, and its own in /sys."""
    with a_pair("pod") as pod:
        pod.ip("link", "set", "v0", "name", "p0")
        script = (
            "mount --make-rprivate / && mount --bind /sys /mnt && "
            f"exec nsenter --net=/run/netns/{pod.name} sh -c "
            "'ls /mnt/class/net; echo; mount -t sysfs sysfs /sys && ls /sys/class/net'"
        )
        host_sys, _, own_sys = node.run("unshare", "--mount", "sh", "-c", script).partition("\n\n")
    assert set(host_sys.split()) == {"lo", "v0", "v1"}
    assert set(own_sys.split()) == {"lo", "p0", "v1"}


@pytest.mark.parametrize("name", ["p0", "v0"])
def test_without_the_hosts_network_it_says_unknown(
    tmp_path: Path, node: Namespace, files: Path, name: str
) -> None:
    """Though the node's files are there, and a NIC of the pod has the name of one of the node's."""
    index = node.ip("-o", "link", "show", "v0").partition(":")[0]
    network = Namespace(f"accelnet-alone-{os.getpid()}")
    try:
        run("ip", "-n", network.name, "link", "set", "lo", "up")
        network.ip("link", "add", name, "index", index, "type", "ifb")
        with _pod(tmp_path, node, files, within=network) as pod:
            health = pod.health()
            assert health["verdict"] == "unknown", health
            assert health["datapaths"] == {"v0": "unknown"}
    finally:
        network.delete()
