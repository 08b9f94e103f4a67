"""P3: a full observation of 8 pairs with 2,000 statistics each, beside the same calls in C.

In a network namespace of its own it makes 8 veth pairs with so many queues that each end
has about 2,000 statistics.  A file tree in a temporary folder calls one end of each an
hv_netvsc NIC, the other its mlx5 VF; the calls about them go to the running kernel.
accelnet_probes.observe is timed in a fresh interpreter each round, and bench/floor.c makes
the same calls in turn with it.

Status 1 where the ratio that must be kept is missed.  Needs root, ip, ethtool and cc.
"""

from __future__ import annotations

import argparse
import compileall
import ctypes
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import measuring
from measuring import CHECKOUT, Goal, held, ratios, run, spread

BENCH = Path(__file__).resolve().parent
GOAL = Goal("P3 observe() / C floor", must=4.0, ambition=3.0)
CLONE_NEWNET = 0x40000000  # <linux/sched.h>
IFLA_HEAD = re.compile(r"^(\d+): ([^:@]+)", re.MULTILINE)
NETVSC = "{f8615163-df3e-46c5-913f-f2d2f965ed0e}"
PASS_THROUGH = "{44c4f61d-4444-4400-9d52-802e27ede19f}"


def main() -> None:
    """Print the ratios; end with 1 where the "must" is missed."""
    options = _options()
    tools = [tool for tool in ("ip", "ethtool", "cc") if shutil.which(tool) is None]
    if os.geteuid() or tools:
        sys.exit(f"needs root{', and: ' + ', '.join(tools) if tools else ''}")
    python = measuring.interpreter(options.python)
    _enter_namespace()
    with tempfile.TemporaryDirectory(prefix="accelnet-bench-") as name:
        folder = Path(name)
        pairs = _make_pairs(options.pairs, options.statistics)
        tree = _make_tree(folder / "tree", pairs)
        packages = _packages(python, folder / "packages")
        floor = _floor(python, packages, tree, folder, pairs)
        print(measuring.machine(python))
        kept = compare(python, packages, tree, floor, options.rounds)
        parts(python, packages, tree, options.rounds)
    sys.exit(0 if kept else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure goal P3 (docs/performance.md).")
    parser.add_argument("--python", default=sys.executable, help="default: the one that runs this")
    parser.add_argument("--rounds", type=int, default=41, help="default: 41")
    parser.add_argument("--pairs", type=int, default=8, help="default: 8")
    parser.add_argument(
        "--statistics", type=int, default=2000, help="of each interface (default: 2000)"
    )
    return parser.parse_args()


# --- what is observed ----------------------------------------------------------------------------


def _enter_namespace() -> None:
    """A network namespace of this process and its children alone; it goes when they end."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        error = ctypes.get_errno()
        sys.exit(f"no network namespace can be made here: {os.strerror(error)}")


def _make_pairs(count: int, wanted: int) -> list[tuple[str, str]]:
    """veth pairs up and with addresses, each end with about `wanted` statistics."""
    few, many = _statistics_with(16), _statistics_with(32)
    a_queue = (many - few) / 16
    queues = max(1, round((wanted - (few - 16 * a_queue)) / a_queue))
    pairs = [(f"bench{number}", f"benchvf{number}") for number in range(count)]
    for number, pair in enumerate(pairs):
        _add_veth(*pair, queues)
        run(["ip", "address", "add", f"10.99.{number}.4/24", "dev", pair[0]])
        for name in pair:
            run(["ip", "link", "set", name, "up"])
    print(f"{count} pairs, each interface with {_count_statistics(pairs[0][0])} statistics")
    return pairs


def _statistics_with(queues: int) -> int:
    _add_veth("benchtry0", "benchtry1", queues)
    found = _count_statistics("benchtry0")
    run(["ip", "link", "delete", "benchtry0"])
    return found


def _add_veth(name: str, peer: str, queues: int) -> None:
    many = ["numtxqueues", str(queues), "numrxqueues", str(queues)]
    add = ["ip", "link", "add", "name", name, *many, "type", "veth", "peer", "name", peer, *many]
    run(add)


def _count_statistics(name: str) -> int:
    return len(run(["ethtool", "-S", name]).splitlines()) - 1


def _make_tree(tree: Path, pairs: Sequence[tuple[str, str]]) -> Path:
    """The files of a VM in which each pair is a synthetic NIC and its VF."""
    _write(tree / "proc/sys/kernel/osrelease", os.uname().release)
    _write(tree / "proc/uptime", Path("/proc/uptime").read_text(encoding="ascii"))
    _write(tree / "etc/os-release", 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"')
    dmi = tree / "sys/class/dmi/id"
    _write(dmi / "chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77")
    _write(dmi / "sys_vendor", "Microsoft Corporation")
    _write(dmi / "product_name", "Virtual Machine")
    listing = run(["ip", "-details", "link", "show"])
    indexes = {name: index for index, name in IFLA_HEAD.findall(listing)}
    for number, (nic, vf) in enumerate(pairs):
        bus = "sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00"
        nic_guid = f"000d3a00-0000-4000-8000-0000000000{number:02x}"
        vf_guid = f"000d3a00-{number:04x}-4001-8000-000000000000"
        address = f"{number + 1:04x}:00:02.0"
        nic_device = tree / bus / nic_guid
        slot = tree / bus / vf_guid
        vf_device = slot / f"pci{address[:7]}" / address
        for device, class_id, driver in (
            (nic_device, NETVSC, "hv_netvsc"),
            (slot, PASS_THROUGH, "hv_pci"),
        ):
            _write(device / "class_id", class_id)
            _link(device / "driver", tree / "sys/bus/vmbus/drivers" / driver)
            _link(tree / "sys/bus/vmbus/devices" / device.name, device)
        for attribute, value in (
            ("class", "0x020000"),
            ("vendor", "0x15b3"),
            ("device", "0x101a"),
            ("subsystem_vendor", "0x15b3"),
            ("subsystem_device", "0x0127"),
            ("driver_override", "(null)"),
            ("modalias", "pci:v000015B3d0000101Asv000015B3sd00000127bc02sc00i00"),
        ):
            _write(vf_device / attribute, value)
        _link(vf_device / "driver", tree / "sys/bus/pci/drivers/mlx5_core")
        _link(tree / "sys/bus/pci/devices" / address, vf_device)
        mac = f"00:0d:3a:00:00:{number:02x}"
        nic_entry = _netdev(tree, nic_device, nic, indexes[nic], mac)
        vf_entry = _netdev(tree, vf_device, vf, indexes[vf], mac)
        _link(nic_entry / f"lower_{vf}", vf_entry)
        _link(vf_entry / f"upper_{nic}", nic_entry)
        _link(vf_entry / "master", nic_entry)
    return tree


def _netdev(tree: Path, device: Path, name: str, index: str, mac: str) -> Path:
    entry = device / "net" / name
    for attribute, value in (
        ("ifindex", index),
        ("type", "1"),
        ("address", mac),
        ("mtu", "1500"),
        ("flags", "0x1003"),
        ("operstate", "up"),
    ):
        _write(entry / attribute, value)
    _link(entry / "device", device)
    _link(tree / "sys/class/net" / name, entry)
    return entry


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.rstrip("\n") + "\n", encoding="ascii")


def _link(path: Path, target: Path) -> None:
    """A link as sysfs has them: relative, its last part the folder's own name."""
    target.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(Path(os.path.relpath(target.parent, path.parent), target.name))


# --- who observes it -----------------------------------------------------------------------------


def _packages(python: str, folder: Path) -> Path:
    """A copy of the packages with their .pyc files."""
    for package in ("probes/accelnet_probes", "agent/accelnet_agent"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / package, folder / Path(package).name, ignore=ignored)
    shutil.copy(BENCH / "observe_once.py", folder)
    run([python, "-I", "-m", compileall.__name__, "-q", str(folder)])
    return folder


def _once(python: str, mode: str, packages: Path, tree: Path) -> list[str]:
    return [python, "-I", str(packages / "observe_once.py"), mode, str(packages), str(tree)]


def _floor(
    python: str, packages: Path, tree: Path, folder: Path, pairs: Sequence[tuple[str, str]]
) -> list[str]:
    """The command of the C program, which asks what our probes ask."""
    program, files = folder / "floor", folder / "files"
    run(["cc", "-O2", "-o", str(program), str(BENCH / "floor.c")])
    files.write_text(run(_once(python, "files", packages, tree)), encoding="utf-8")
    return [str(program), str(files), *(name for pair in pairs for name in pair)]


# --- the measurement -----------------------------------------------------------------------------


def compare(python: str, packages: Path, tree: Path, floor: Sequence[str], rounds: int) -> bool:
    """Alternating rounds; whether the "must" is met."""
    seen = run(_once(python, "seconds", packages, tree)).split()[1]
    print(f"{seen} statistics are observed by each observe()")
    commands: dict[str, Sequence[str]] = {
        "observe()": _once(python, "seconds", packages, tree),
        "C floor": floor,
        "observe(), importing": _once(python, "unprepared", packages, tree),
    }
    inside: dict[str, list[float]] = {name: [] for name in commands}
    whole: dict[str, list[float]] = {name: [] for name in commands}
    environment = measuring.clean_environment()
    names = list(commands)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            started = time.perf_counter()
            printed = run(commands[name], environment)
            whole[name].append(time.perf_counter() - started)
            inside[name].append(float(printed.split()[0]))
    print(f"{rounds} alternating rounds: median (quartiles)")
    for name in names:
        shown = spread([1000 * value for value in inside[name]], "ms")
        print(f"  {name:<21} {shown:<28} process {1000 * statistics.median(whole[name]):.1f} ms")
    found = ratios(inside["observe()"], inside["C floor"])
    kept = held(GOAL, statistics.median(found), spread(found))
    for label, above, below in (
        ("   with imports on the way", inside["observe(), importing"], inside["C floor"]),
        ("   whole process / whole process", whole["observe()"], whole["C floor"]),
    ):
        print(f"{label:<34} {spread(ratios(above, below))}")
    return kept


def parts(python: str, packages: Path, tree: Path, rounds: int) -> None:
    """How the time divides, each part measured alone in a run of its own."""
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for line in run(_once(python, "parts", packages, tree)).splitlines():
            seconds, _, part = line.partition(" ")
            found.setdefault(part, []).append(float(seconds))
    print("parts, measured alone: median")
    for part, values in found.items():
        if part:
            print(f"  {1000 * statistics.median(values):7.3f} ms  {part}")


if __name__ == "__main__":
    main()
