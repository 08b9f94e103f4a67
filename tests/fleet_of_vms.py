"""A small fleet: a real accelnet-agent for each VM, and a real Prometheus with our rules.

What the kernel answers to the agents is a recording's (replaying.py); one VM's VF is taken and
given back while Prometheus looks, one VM's kernel hangs, one target is down.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Collection, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from daemon import daemon
from machines import Machine
from metadata_server import metadata_server
from prometheus_server import SECONDS, Prometheus, prometheus
from replaying import REPLAYING
from trees import Pair, an_instance_document

FIXTURES: Final = Path(__file__).parent / "fixtures"
RULES: Final = Path(__file__).parents[1] / "monitoring"
DOWN: Final = "down:9975"


@dataclass(frozen=True)
class Vm:
    """One VM: its name, what was recorded, and where it stands."""

    name: str
    folder: Path
    region: str = "westeurope"
    size: str = "Standard_D4s_v5"
    arguments: tuple[str, ...] = ("--expect=on",)

    @property
    def instance(self) -> str:
        """As Prometheus knows it."""
        return f"{self.name}:9975"


@dataclass(frozen=True)
class Fleet:
    """VMs, and what scrapes them."""

    vms: Sequence[Vm]
    servers: Mapping[str, Prometheus]  # "labelled": its targets have the label `region`; "bare"
    begun: float  # before the first scrape
    now: float  # when all that is wrong was seen to be, and all else was well


def _recorded(name: str, fixture: str, **about: Any) -> Vm:
    return Vm(name, FIXTURES / fixture, **about)


def _an_old_kernel(folder: Path) -> Machine:
    """Ubuntu 18.04 on a kernel of which the catalogue of known issues tells."""
    machine = Machine(folder)
    release = 'ID=ubuntu\nVERSION_ID="18.04"\nPRETTY_NAME="Ubuntu 18.04 LTS"\n'
    (machine.root / "usr/lib/os-release").write_text(release)
    (machine.root / "proc/sys/kernel/osrelease").write_text("4.15.0-20-generic\n")
    return machine


@contextmanager
def fleet(folder: Path) -> Generator[Fleet]:
    """One that runs, and of which each recording rule and some alerts have told."""
    flapping, hanging, old = Machine(folder / "a"), Machine(folder / "b"), _an_old_kernel(folder)
    vms = (
        _recorded("mlx5", "mlx5-healthy"),
        _recorded("mana", "mana-healthy", region="eastus", size="Standard_D8s_v6"),
        _recorded("two", "two-nics", region="eastus", size="Standard_D8s_v6"),
        _recorded("drops", "vf-drops"),
        _recorded("taken", "vf-revoked", size="Standard_D8s_v6"),
        _recorded("past", "datapath-not-switched"),
        _recorded("orphan", "vf-without-driver", region="eastus"),
        Vm("flaps", flapping.folder),
        Vm("hangs", hanging.folder, region="eastus"),
        Vm("old", old.folder),
    )
    begun = time.time()
    with ExitStack() as running:
        targets = _start(vms, folder, running)
        servers = {
            kind: running.enter_context(
                prometheus(folder / kind, _configuration(folder, vms, targets, kind))
            )
            for kind in ("labelled", "bare")
        }
        hanging.hang()
        try:
            _live(flapping, servers["labelled"])
            yield Fleet(vms, servers, begun, _settled(vms, servers.values()))
        finally:
            hanging.recover()


def _start(vms: Sequence[Vm], folder: Path, running: ExitStack) -> list[str]:
    """All agents at once: the address of each."""
    services = {vm: running.enter_context(metadata(vm)) for vm in vms}

    def start(vm: Vm) -> Any:
        state = folder / vm.name
        state.mkdir()
        agent = daemon(
            state,
            f"--path.rootfs={vm.folder}/root",
            f"--state-directory={state}",
            f"--imds-endpoint={services[vm]}",
            *vm.arguments,
            program=REPLAYING,
        )
        return agent, agent.__enter__()

    with ThreadPoolExecutor(4) as pool:
        started = list(pool.map(start, vms))
    for agent, _ in started:
        running.push(agent.__exit__)
    # All are told to end before the first is waited for.
    for _, entered in started:
        running.callback(entered.send, signal.SIGTERM)
    return [f"127.0.0.1:{entered.port}" for _, entered in started]


@contextmanager
def metadata(vm: Vm) -> Generator[str]:
    """A metadata service that knows the NICs of the recording, and the size."""
    given = json.loads((vm.folder / "addresses.json").read_text(encoding="utf-8"))
    nics = [
        Pair(name=name, mac=_mac(vm, name), addresses=(one["address"],))
        for one in given
        for name in [one["interface"]]
        if "." in one["address"] and (vm.folder / "root/sys/class/net" / name).exists()
    ]
    document = an_instance_document(nics)
    document["compute"]["vmSize"] = vm.size
    answers = {"/metadata/instance": (200, json.dumps(document).encode())}
    with metadata_server(answers) as service:
        yield service.endpoint


def _mac(vm: Vm, name: str) -> str:
    return (vm.folder / "root/sys/class/net" / name / "address").read_text().strip()


def _configuration(
    folder: Path, vms: Sequence[Vm], targets: Sequence[str], kind: str
) -> dict[str, Any]:
    named = [
        *((address, vm.instance, vm.region) for address, vm in zip(targets, vms, strict=True)),
        ("127.0.0.1:1", DOWN, "westeurope"),
    ]
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(impatient(path, folder)) for path in RULES.glob("*.rules.yml")],
        "scrape_configs": [
            {
                "job_name": "accelnet-agent",
                "static_configs": [
                    {
                        "targets": [address],
                        "labels": {
                            "instance": instance,
                            **({"region": region} if kind == "labelled" else {}),
                        },
                    }
                    for address, instance, region in named
                ],
            }
        ],
    }


def impatient(path: Path, folder: Path) -> Path:
    """Those rules, evaluated each second, and firing at once: no test waits for ten minutes."""
    rules = yaml.safe_load(path.read_text(encoding="utf-8"))
    for group in rules["groups"]:
        group.pop("interval", None)
        for rule in group["rules"]:
            rule.pop("for", None)
    impatient = folder / path.name
    impatient.write_text(yaml.safe_dump(rules), encoding="utf-8")
    return impatient


def _live(machine: Machine, server: Prometheus) -> None:
    """Its VF is taken and given back, twice; what it sends goes by where it can."""
    sent = {"vf_tx_packets": 1000, "vf_tx_bytes": 90000}
    sent |= {"tx_queue_0_packets": 10, "tx_queue_0_bytes": 900}
    instance = 'instance="flaps:9975"'
    server.until(f"accelnet_nic_datapath{{{instance}}}")
    for times in (1, 2):
        machine.count(**{name: value * 2 * times for name, value in sent.items()})
        machine.revoke()
        server.until(f'accelnet_vf_events_total{{{instance},event="removed"}} == {times}')
        server.until(f"nic:accelnet_off_vf:bool{{{instance}}} == 1")
        machine.count(**{name: value * (2 * times + 1) for name, value in sent.items()})
        machine.restore()
        server.until(f'accelnet_vf_events_total{{{instance},event="added"}} == {times}')
        server.until(f"nic:accelnet_off_vf:bool{{{instance}}} == 0")


def _settled(vms: Sequence[Vm], servers: Collection[Prometheus]) -> float:
    """The first moment at which each server has all of it; a late scrape of any is waited out."""
    wanted = (
        f"sum(up) == {len(vms)}",
        f"sum(fleet:accelnet_verdict:count) == {len(vms)}",
        f"sum(fleet:accelnet_nics:count) == {len(vms) + 1}",
        "sum(fleet:accelnet_off_vf:sum) == 3",
        'sum(ALERTS{alertstate="firing",severity="critical"}) >= 3',
        f"count(count by (instance) (rate(accelnet_probe_success[4s]))) == {len(vms)}",
    )
    end = time.monotonic() + SECONDS
    while True:
        now = time.time()
        missing = [one for one in wanted for server in servers if not server.instant(one, now)]
        if not missing:
            return now
        assert time.monotonic() < end, missing
        time.sleep(0.3)
