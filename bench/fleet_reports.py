"""A folder with the reports of a fleet, made from those of the recorded machines.

    python bench/fleet_reports.py FOLDER --vms 10000

Each VM has a recorded machine's report (tests/fixtures, judged by this checkout) with a
MAC, a size, an image, a kernel and a moment of its own, as Ansible would gather it:
FOLDER/vm00042.json.  A few are what a fleet has too: an empty file, one that was cut, one
of a later version, an older report of the same VM.  The same numbers give the same files.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT / "agent"), str(CHECKOUT / "probes")]

from accelnet_agent.checks import CHECKS  # noqa: E402
from accelnet_agent.engine import judge  # noqa: E402
from accelnet_agent.machine import build  # noqa: E402
from accelnet_agent.render_json import document  # noqa: E402
from accelnet_probes.bundle import BundleHost  # noqa: E402
from accelnet_probes.observe import observe  # noqa: E402

SIZES = ("D2s_v5", "D4s_v5", "D8ds_v5", "D16s_v4", "E8s_v5", "E32ds_v5", "F8s_v2", "DS4_v2", "M64s")
IMAGES = (
    ("Canonical", "ubuntu-24_04-lts", "server", "ubuntu", "24.04", "6.8.0-{}-azure"),
    (
        "Canonical",
        "0001-com-ubuntu-server-jammy",
        "22_04-lts",
        "ubuntu",
        "22.04",
        "5.15.0-{}-azure",
    ),
    ("Debian", "debian-12", "12-gen2", "debian", "12", "6.1.0-{}-cloud-amd64"),
    ("RedHat", "RHEL", "9-lvm-gen2", "rhel", "9.4", "5.14.0-{}.el9.x86_64"),
)
HEALTHY_SHARE = 0.95
FAULTY = {"vf-not-paired": "6.8.0-1999-azure"}  # a fault that only this kernel has
BROKEN = 500  # one VM in so many has no usable report


def recorded() -> dict[str, dict[str, Any]]:
    """The report of each recorded machine, by its fixture's name."""
    found: dict[str, dict[str, Any]] = {}
    for about in sorted((CHECKOUT / "tests/fixtures").glob("*/bundle.json")):
        host = BundleHost(str(about.parent))
        found[about.parent.name] = document(judge(build(observe(host)), CHECKS))
    return found


def reports(vms: int, seed: int = 1) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and the report of each VM."""
    machines = recorded()
    healthy = [name for name, report in machines.items() if report["verdict"] == "pass"]
    choose = random.Random(seed)  # noqa: S311  the same fleet each time
    for number in range(vms):
        well = choose.random() < HEALTHY_SHARE
        machine = choose.choice(healthy if well else list(machines))
        report = varied(machines[machine], number, choose)
        if machine in FAULTY:
            report["host"]["kernel"]["release"] = FAULTY[machine]
        yield f"vm{number:05}", report


def varied(report: dict[str, Any], number: int, choose: random.Random) -> dict[str, Any]:
    """The same machine as another VM."""
    publisher, offer, sku, distro, version, kernel = choose.choice(IMAGES)
    host = {
        **report["host"],
        "distro": {"id": distro, "version_id": version, "pretty_name": f"{distro} {version}"},
        "kernel": {"release": kernel.format(choose.randrange(20, 60, 4))},
        "vm_size": f"Standard_{choose.choice(SIZES)}",
        "image": {"publisher": publisher, "offer": offer, "sku": sku, "version": "1.0.0"},
    }
    unique = number.to_bytes(3, "big").hex(":")
    nics = [
        {**nic, "mac": f"7c:1e:{place:02x}:{unique}"} for place, nic in enumerate(report["nics"])
    ]
    moment = f"2026-11-26T0{choose.randrange(6)}:{choose.randrange(60):02}:00Z"
    return {**report, "source": "live", "observed_at": moment, "host": host, "nics": nics}


def write(folder: Path, vms: int, seed: int = 1) -> None:
    """A file for each VM, and for some an older one, or none that can be used."""
    folder.mkdir(parents=True)
    for number, (name, report) in enumerate(reports(vms, seed)):
        text = json.dumps(report, indent=2) + "\n"
        kind = number % (4 * BROKEN) if number % BROKEN == BROKEN - 1 else None
        if kind == BROKEN - 1:
            text = ""
        elif kind == 2 * BROKEN - 1:
            text = text[: len(text) // 2]
        elif kind == 3 * BROKEN - 1:
            text = text.replace('"schema": 1', '"schema": 2', 1)
        elif kind is not None:
            older = {**report, "observed_at": "2026-11-01T00:00:00Z"}
            (folder / f"{name}.old.json").write_text(json.dumps(older, indent=2) + "\n")
        (folder / f"{name}.json").write_text(text)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make the reports of a fleet.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--vms", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    write(options.folder, options.vms, options.seed)


if __name__ == "__main__":
    main()
