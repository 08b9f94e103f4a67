"""Where accelnet-agent and node_exporter are compared: the same interfaces, one namespace."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn, TypeVar

import measuring
import pair_tree
from daemons import Daemon
from installing import install
from measuring import run
from pair_tree import Pair
from scraping import Scraper, values

TOOLS = ("ip", "ethtool", "mount", "wrk", "cc")
NODE_EXPORTER = Path("/usr/bin/prometheus-node-exporter")
READY_WITHIN = 30.0  # seconds
LISTENER = Path(__file__).resolve().parent / "link_listener.c"

T = TypeVar("T")


class Setting(NamedTuple):
    """Both daemons, and what they look at."""

    agent: Daemon
    exporter: Daemon
    pairs: Sequence[Pair]
    lone: Pair | None  # a NIC whose counters can be made to grow
    tree: Path  # the files of the VM
    sysfs: Path  # of the namespace
    listener: Path  # bench/link_listener.c, compiled
    rounds: int
    long: bool


def parser(description: str) -> argparse.ArgumentParser:
    """The options that say what is compared."""
    found = argparse.ArgumentParser(description=description)
    add = found.add_argument
    add("--python", default=sys.executable, help="default: the one that runs this")
    add("--agent", type=Path, help="an accelnet-agent to measure instead of this checkout's")
    add("--pairs", type=int, default=2, help="default: 2")
    add("--statistics", type=int, default=50, help="of each interface (default: 50)")
    return found


def check_tools() -> None:
    """End where something is missing."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    missing += [] if NODE_EXPORTER.exists() else ["prometheus-node-exporter"]
    if os.geteuid() or missing:
        sys.exit(f"needs root{', and: ' + ', '.join(missing) if missing else ''}")


@contextmanager
def make_setting(
    options: argparse.Namespace, rounds: int = 1, *, long: bool = False
) -> Generator[Setting]:
    """The setting; whatever way this ends, nothing of it stays."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ended)
    python = measuring.interpreter(options.python)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="accelnet-bench-")))
        script = options.agent or install(python, folder) / "accelnet-agent"
        listener = folder / "link_listener"
        run(["cc", "-O2", "-o", str(listener), str(LISTENER)])
        print(measuring.machine(python))

        pair_tree.enter_namespaces(pair_tree.CLONE_NEWNET | pair_tree.CLONE_NEWNS)
        run(["mount", "--make-rprivate", "/"])
        machine = folder / "machine"
        machine.mkdir()
        run(["mount", "-t", "tmpfs", "accelnet-bench", str(machine)])
        stack.callback(run, ["umount", "--lazy", str(machine)])
        sysfs, tree = machine / "sysfs", machine / "tree"
        sysfs.mkdir()
        run(["mount", "-t", "sysfs", "accelnet-bench", str(sysfs)])
        run(["ip", "link", "set", "lo", "up"])
        pairs = pair_tree.make_pairs(options.pairs, options.statistics, "eth", "enP")
        lone = pair_tree.make_lone_nic(f"eth{options.pairs}", options.pairs, options.statistics)
        nics = [*pairs, lone] if lone else pairs
        pair_tree.make_live(pair_tree.make_tree(tree, nics), sysfs, nics)

        agent = Daemon(
            "agent", _agent(script, tree, folder), folder / "agent.log", range(9500, 9999)
        )
        exporter = Daemon(
            "node_exporter", _node_exporter(sysfs), folder / "exporter.log", range(9000, 9499)
        )
        stack.callback(agent.stop)
        stack.callback(exporter.stop)
        yield Setting(agent, exporter, pairs, lone, tree, sysfs, listener, rounds, long)


def _ended(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)


def _agent(script: Path, tree: Path, folder: Path) -> list[str]:
    state = folder / "state"
    state.mkdir()
    return [
        str(script),
        "--web.listen-address=127.0.0.1:{port}",
        f"--path.rootfs={tree}",
        "--imds-endpoint=off",
        f"--state-directory={state}",
        "--expect=auto",
    ]


def _node_exporter(sysfs: Path) -> list[str]:
    """Debian's, of which the collectors alone run that ask what accelnet asks."""
    return [
        str(NODE_EXPORTER),
        "--web.listen-address=127.0.0.1:{port}",
        f"--path.sysfs={sysfs}",
        "--collector.disable-defaults",
        "--collector.ethtool",
        "--collector.ethtool.device-exclude=^lo$",
        "--collector.netclass",
        "--collector.netclass.ignored-devices=^lo$",
    ]


@contextmanager
def running(setting: Setting) -> Generator[tuple[Scraper, Scraper]]:
    """Both daemons, the agent having observed its machine; a client of each."""
    for daemon in (setting.agent, setting.exporter):
        daemon.start()
    clients = Scraper(setting.agent.port), Scraper(setting.exporter.port)
    try:
        wait_for_datapath(clients[0], setting.pairs[0].nic, "vf")
        yield clients
    finally:
        for client in clients:
            client.close()
        for daemon in (setting.agent, setting.exporter):
            daemon.stop()


def alternate(setting: Setting, measure: Callable[[Daemon], T]) -> tuple[list[T], list[T]]:
    """What is measured of the agent, and of node_exporter: of both in each round, in turn."""
    ours: list[T] = []
    theirs: list[T] = []
    for number in range(setting.rounds):
        for daemon in (setting.agent, setting.exporter)[:: -1 if number % 2 else 1]:
            (ours if daemon is setting.agent else theirs).append(measure(daemon))
    return ours, theirs


def datapath(page: str, nic: str) -> str | None:
    """The state of a NIC's data path that a page of the agent says."""
    for state in ("vf", "synthetic", "switching", "no_vf", "orphan_vf", "direct", "unknown"):
        if values(page, "accelnet_nic_datapath", device=nic, state=state) == [1.0]:
            return state
    return None


def wait_for_datapath(agent: Scraper, nic: str, state: str) -> None:
    """End where the agent does not say so in time."""
    until = time.monotonic() + READY_WITHIN
    while (found := datapath(agent.page(), nic)) != state:
        if time.monotonic() > until:
            sys.exit(f"the agent says that the data path of {nic} is {found}, not {state}")
        time.sleep(0.05)
