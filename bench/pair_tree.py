"""veth pairs in a namespace of their own, and the files of a VM in which they are NICs and VFs.

One end of each pair stands for an hv_netvsc NIC, the other for its mlx5 VF.  The running
kernel answers the calls about them; the files around them, which no machine without Hyper-V
has, lie in a tree.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from measuring import run

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000  # <linux/sched.h>
IFLA_HEAD = re.compile(r"^(\d+): ([^:@]+)", re.MULTILINE)
LIVE = ("ifindex", "type", "address", "mtu", "flags", "operstate")
NETVSC = "{f8615163-df3e-46c5-913f-f2d2f965ed0e}"
PASS_THROUGH = "{44c4f61d-4444-4400-9d52-802e27ede19f}"
VMBUS = "sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00"
PCI_ATTRIBUTES = {
    "class": "0x020000",
    "vendor": "0x15b3",
    "device": "0x101a",
    "subsystem_vendor": "0x15b3",
    "subsystem_device": "0x0127",
    "driver_override": "(null)",
    "modalias": "pci:v000015B3d0000101Asv000015B3sd00000127bc02sc00i00",
}


class Pair(NamedTuple):
    """The interfaces of a NIC and of its VF, if it has one; both have the MAC."""

    nic: str
    vf: str | None
    mac: str


# --- interfaces ----------------------------------------------------------------------------------


def enter_namespaces(flags: int) -> None:
    """Namespaces of this process and its children alone; they go when these end."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags):
        error = ctypes.get_errno()
        sys.exit(f"no namespace can be made here: {os.strerror(error)}")


def make_pairs(count: int, wanted: int, nic: str, vf: str) -> list[Pair]:
    """veth pairs `nic`0 and `vf`0, ...: up, addressed, each end with about `wanted` statistics."""
    few, many = _statistics_with(16), _statistics_with(32)
    a_queue = (many - few) / 16
    queues = max(1, round((wanted - (few - 16 * a_queue)) / a_queue))
    pairs = [Pair(f"{nic}{n}", f"{vf}{n}", f"00:0d:3a:00:00:{n:02x}") for n in range(count)]
    for number, pair in enumerate(pairs):
        assert pair.vf is not None
        _add_veth(pair.nic, pair.vf, queues)
        run(["ip", "address", "add", f"10.99.{number}.4/24", "dev", pair.nic])
        # Two ends of one MAC would fight for its link-local address; a real VF has none.
        run(["ip", "link", "set", pair.vf, "addrgenmode", "none"])
        for name in (pair.nic, pair.vf):
            run(["ip", "link", "set", name, "address", pair.mac, "up"])
    print(f"{count} pairs, each interface with {_count_statistics(pairs[0].nic)} statistics")
    return pairs


def make_lone_nic(name: str, number: int, wanted: int) -> Pair | None:
    """A NIC without VF, an ifb; None where the kernel has no ifb.

    Its counters have the names of hv_netvsc's (`rx_queue_0_packets`), which veth's have not.
    """
    queues = str(max(1, round(wanted / 4)))
    command = ["ip", "link", "add", "name", name, "numtxqueues", queues, "numrxqueues", queues]
    pair = Pair(name, None, f"00:0d:3a:00:00:{number:02x}")
    try:
        run([*command, "address", pair.mac, "type", "ifb"])
    except SystemExit:
        return None
    run(["ip", "link", "set", name, "up"])
    return pair


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


# --- files ---------------------------------------------------------------------------------------


def make_tree(tree: Path, pairs: Sequence[Pair]) -> Path:
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
    for number, pair in enumerate(pairs):
        device = _vmbus_device(tree, f"000d3a00-0000-4000-8000-0000000000{number:02x}", NETVSC)
        nic_entry = _netdev(tree, device, pair.nic, indexes[pair.nic], pair.mac)
        if pair.vf is None:
            continue
        slot = _vmbus_device(tree, f"000d3a00-{number:04x}-4001-8000-000000000000", PASS_THROUGH)
        function = _pci_function(tree, slot, f"{number + 1:04x}:00:02.0")
        vf_entry = _netdev(tree, function, pair.vf, indexes[pair.vf], pair.mac)
        _link(nic_entry / f"lower_{pair.vf}", vf_entry)
        _link(vf_entry / f"upper_{pair.nic}", nic_entry)
        _link(vf_entry / "master", nic_entry)
    return tree


def make_live(tree: Path, sysfs: Path, pairs: Sequence[Pair]) -> None:
    """Put the kernel's own attributes of each interface in the place of the tree's files."""
    for pair in pairs:
        for name in (pair.nic, pair.vf):
            for attribute in LIVE if name is not None else ():
                path = f"class/net/{name}/{attribute}"
                run(["mount", "--bind", str(sysfs / path), str(tree / "sys" / path)])


def _vmbus_device(tree: Path, guid: str, class_id: str) -> Path:
    device = tree / VMBUS / guid
    driver = "hv_netvsc" if class_id == NETVSC else "hv_pci"
    _write(device / "class_id", class_id)
    _link(device / "driver", tree / "sys/bus/vmbus/drivers" / driver)
    _link(tree / "sys/bus/vmbus/devices" / guid, device)
    return device


def _pci_function(tree: Path, slot: Path, address: str) -> Path:
    device = slot / f"pci{address[:7]}" / address
    for attribute, value in PCI_ATTRIBUTES.items():
        _write(device / attribute, value)
    _link(device / "driver", tree / "sys/bus/pci/drivers/mlx5_core")
    _link(tree / "sys/bus/pci/devices" / address, device)
    return device


def _netdev(tree: Path, device: Path, name: str, index: str, mac: str) -> Path:
    entry = device / "net" / name
    values = (index, "1", mac, "1500", "0x1003", "up")
    for attribute, value in zip(LIVE, values, strict=True):
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
