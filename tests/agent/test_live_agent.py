"""accelnet-agent and the running kernel: a flood of link messages, told, lost, and counted.

Two ends of a veth stand for a NIC and its VF.  The kernel answers about them; the files
around them are a tree.  The agent has no capability.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest

from daemon import Daemon, daemon
from namespaces import Namespace, a_pair, needs
from trees import Pair, write_machine

pytestmark = needs("ip", "setpriv")
TOGGLES = 3000
SECONDS = 30.0
LIVE = ("ifindex", "address", "mtu", "flags", "operstate")
SWITCHES = {to: f'datapath_switches_total{{device="v0",to="{to}"}}' for to in ("vf", "synthetic")}
EVENTS = {
    event: f'vf_events_total{{device="v0",event="{event}"}}' for event in ("added", "removed")
}


@pytest.fixture(name="namespace")
def fixture_namespace() -> Generator[Namespace]:
    """v0 is up, v1 too; they have one MAC."""
    with a_pair("agent") as found:
        found.ip("link", "set", "lo", "up")
        for name in ("v0", "v1"):
            found.ip("link", "set", name, "address", Pair().mac, "addrgenmode", "none", "up")
        yield found


def _tree(folder: Path) -> Path:
    """A VM in which v0 is a NIC and v1 its VF, by the kernel's own attributes of each."""
    pair = Pair(name="v0", vf="v1")
    root = write_machine(folder / "machine", pairs=(pair,), samples=1) / "root"
    for name, path in (("v0", pair.folder), ("v1", pair.vf_folder)):
        for attribute in LIVE:
            (root / path / attribute).unlink()
            (root / path / attribute).symlink_to(f"/sys/class/net/{name}/{attribute}")
    return root


def _toggle(namespace: Namespace, count: int) -> None:
    """v1 goes down and up, so often, as fast as the kernel does it."""
    batch = "link set v1 down\nlink set v1 up\n" * count
    subprocess.run(
        ["ip", "-n", namespace.name, "-batch", "-"],
        input=batch,
        text=True,
        check=True,
        timeout=120,
    )


def _until(agent: Daemon, expected: dict[str, float]) -> None:
    """As soon as a scrape says so."""
    end = time.monotonic() + SECONDS
    while True:
        samples = agent.samples()
        found = {name: samples.get(name) for name in expected}
        if found == expected:
            return
        assert time.monotonic() < end, found
        time.sleep(0.05)


def _until_it_listens(agent: Daemon) -> None:
    """To RTMGRP_LINK: pyroute2 is imported after the first answers (/proc/net/netlink)."""
    path, end = Path(f"/proc/{agent.process.pid}/net/netlink"), time.monotonic() + SECONDS
    while True:
        lines = path.read_text(encoding="ascii").splitlines()[1:]
        if ["0", "00000001"] in [line.split()[1:4:2] for line in lines]:
            return
        assert time.monotonic() < end, lines
        time.sleep(0.02)


def _switches(count: int) -> dict[str, float]:
    return {
        SWITCHES["vf"]: count,
        SWITCHES["synthetic"]: count,
        EVENTS["added"]: 0,
        EVENTS["removed"]: 0,
        'nic_datapath{device="v0",state="vf"}': 1,
    }


def test_a_flood_of_toggles_is_counted_exactly(namespace: Namespace, tmp_path: Path) -> None:
    """Every one of them, and the state is right; nothing grows."""
    with daemon(tmp_path, f"--path.rootfs={_tree(tmp_path)}", namespace=namespace) as agent:
        _until_it_listens(agent)
        _toggle(namespace, 1)
        _until(agent, _switches(1))
        process = psutil.Process(agent.process.pid)
        descriptors = process.num_fds()
        _toggle(namespace, TOGGLES)
        _until(agent, _switches(1 + TOGGLES))
        assert process.num_fds() <= descriptors + 2
        assert agent.end() == 0


def test_a_forced_overflow_ends_with_the_right_count(namespace: Namespace, tmp_path: Path) -> None:
    """It is stopped while the kernel's queue runs over: what was lost is counted all the same."""
    with daemon(tmp_path, f"--path.rootfs={_tree(tmp_path)}", namespace=namespace) as agent:
        _until_it_listens(agent)
        _toggle(namespace, 1)
        _until(agent, _switches(1))
        agent.send(signal.SIGSTOP)
        _toggle(namespace, TOGGLES)
        agent.send(signal.SIGCONT)
        _until(agent, _switches(1 + TOGGLES))
        agent.until_told("links.lost")
        _toggle(namespace, 10)
        _until(agent, _switches(11 + TOGGLES))


def test_toggles_before_it_listens_are_found(namespace: Namespace, tmp_path: Path) -> None:
    """Whoever scrapes meanwhile."""
    with daemon(tmp_path, f"--path.rootfs={_tree(tmp_path)}", namespace=namespace) as agent:
        for _ in range(20):
            _toggle(namespace, 1)
            agent.samples()
        _until(agent, _switches(20))
        _until_it_listens(agent)
        _until(agent, _switches(20))


def test_toggles_while_it_is_off_are_found(namespace: Namespace, tmp_path: Path) -> None:
    """In the same boot, by the kernel's own count; killed in the midst of them or not."""
    tree = _tree(tmp_path)
    arguments = (f"--path.rootfs={tree}", f"--state-directory={tmp_path}")
    with daemon(tmp_path, *arguments, namespace=namespace) as agent:
        _toggle(namespace, 5)
        _until(agent, _switches(5))
        time.sleep(1)
        agent.end(signal.SIGKILL)
    _toggle(namespace, 7)
    with daemon(tmp_path, *arguments, namespace=namespace) as agent:
        _until(agent, _switches(12))


def test_it_has_no_capability(namespace: Namespace, tmp_path: Path) -> None:
    """Neither it nor its child; every metric is there."""
    with daemon(tmp_path, f"--path.rootfs={_tree(tmp_path)}", namespace=namespace) as agent:
        for pid in (agent.process.pid, agent.children[0].pid):
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
            held = [line.split()[1] for line in status if line.startswith("Cap")]
            assert [int(value, 16) for value in held] == [0] * 5
        samples = agent.samples()
        assert samples['probe_success{probe="ethtool"}'] == 1
        assert samples['probe_success{probe="addresses"}'] == 1
