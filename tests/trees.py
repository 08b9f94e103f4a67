r"""Whole machines as bundle directories: a healthy one, of which a test edits a file or two.

    bundle = write_machine(tmp_path / "machine")
    vf = bundle / "root/sys/class/net/enP53091s1"  # a link, as on a real VM
    (vf / "mtu").write_text("1400\n")
    assert judge_bundle(bundle)["verdict"] == "fail"

The links are those of a real VM, relative and inside root/, so a test may go
through them, as sysfs is used.
"""

from __future__ import annotations

import json
import os
import struct
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelnet_agent.checks import CHECKS
from accelnet_agent.engine import judge
from accelnet_agent.machine import build
from accelnet_agent.render_json import document
from accelnet_probes.bundle import BundleHost
from accelnet_probes.observe import observe

if TYPE_CHECKING:
    from accelnet_agent.expectation import Expect
    from accelnet_probes.host import Host

VMBUS = "sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00"
NETVSC, PASS_THROUGH = (
    "{f8615163-df3e-46c5-913f-f2d2f965ed0e}\n",
    "{44c4f61d-4444-4400-9d52-802e27ede19f}\n",
)
COUNTERS = ("vf_rx_packets", "vf_rx_bytes", "vf_tx_packets", "vf_tx_bytes", "vf_tx_dropped")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A synthetic NIC and its VF: ConnectX-4 Lx, as Azure gave it to D4s_v5 for years."""

    name: str = "eth0"
    mac: str = "00:0d:3a:f5:76:bd"
    guid: str = "000d3af5-76bd-000d-3af5-76bd000d3af5"  # old hosts: the MAC, again and again
    addresses: tuple[str, ...] = ("10.0.0.4/24", "fe80::20d:3aff:fef5:76bd/64")
    vf: str = "enP53091s1"
    vf_guid: str = "e9ac9b28-cf63-4cde-9d43-51be1a9f1fcc"
    vf_addresses: tuple[str, ...] = ()
    pci_address: str = "cf63:00:02.0"
    driver: str = "mlx5_core"
    ethtool_driver: str = "mlx5_core"  # mlx4_core's netdevs say mlx4_en
    device_id: str = "1016"
    ifindex: int = 2  # the VF has the next one

    @property
    def folder(self) -> str:
        """The synthetic NIC's folder below root/, links resolved."""
        return f"{VMBUS}/{self.guid}/net/{self.name}"

    @property
    def function(self) -> str:
        """The VF's PCI function."""
        domain = self.pci_address.partition(":")[0]
        return f"{VMBUS}/{self.vf_guid}/pci{domain}:00/{self.pci_address}"

    @property
    def vf_folder(self) -> str:
        """The VF's folder."""
        return f"{self.function}/net/{self.vf}"


SECOND = Pair(
    name="eth1",
    mac="60:45:bd:12:ab:0f",
    guid="f8615163-0001-1000-2000-6045bd12ab0f",  # newer hosts
    addresses=("10.0.1.4/24",),
    vf="enP6757s2",
    vf_guid="9970f259-1a65-4fb0-ba6c-833aab4df1e4",
    pci_address="1a65:00:02.0",
    ifindex=4,
)


def write_machine(
    folder: Path,
    *,
    pairs: Sequence[Pair] = (Pair(),),
    samples: int = 2,
    **about: Any,
) -> Path:
    """Write an Ubuntu 24.04 VM whose pairs are healthy and busy; `about` is of bundle.json."""
    root = folder / "root"
    _write_host(root)
    for pair in pairs:
        _write_synthetic(root, pair)
        _write_vf(root, pair)
        for sample in range(samples):
            write_replies(folder / f"ethtool/{sample}", pair, sample)
    addresses = [
        {"interface": name, "address": address}
        for pair in pairs
        for name, found in ((pair.name, pair.addresses), (pair.vf, pair.vf_addresses))
        for address in found
    ]
    (folder / "addresses.json").write_text(json.dumps(addresses))
    (folder / "kernel.log").write_text("".join(log_of(pair) for pair in pairs))
    (folder / "imds").mkdir()
    (folder / "imds/instance.json").write_text(json.dumps(an_instance_document(pairs)))
    write_about(folder, samples=samples, window_seconds=1.0 if samples == 2 else None, **about)
    return folder


def write_about(folder: Path, **changes: Any) -> None:
    """Write bundle.json."""
    about: dict[str, Any] = {
        "format": "accelnet-bundle",
        "version": 1,
        "created": "2026-01-02T03:04:05Z",
        "tool": "accelnet 0.1.0",
        "redacted": False,
        "byteorder": "little",
        "samples": 1,
        "window_seconds": None,
        "cpu_count": 4,
        "unreadable": {},
    }
    (folder / "bundle.json").write_text(json.dumps({**about, **changes}))


def write_files(root: Path, files: Mapping[str, str]) -> None:
    """Write each content to its path below `root`."""
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)


def write_link(root: Path, path: str, target: str) -> None:
    """Link `path` to `target`, both below `root`, as sysfs does: relative, and by its name."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    folder, name = os.path.split(target)
    (root / path).symlink_to(f"{os.path.relpath(folder, Path(path).parent)}/{name}")


def _write_host(root: Path) -> None:
    write_files(
        root,
        {
            "proc/sys/kernel/osrelease": "6.8.0-1029-azure\n",
            "proc/uptime": "86400.00 170000.00\n",
            "usr/lib/os-release": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n'
            'PRETTY_NAME="Ubuntu 24.04.3 LTS"\n',
            "sys/devices/virtual/dmi/id/chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77\n",
            "sys/devices/virtual/dmi/id/sys_vendor": "Microsoft Corporation\n",
            "sys/devices/virtual/dmi/id/product_name": "Virtual Machine\n",
            "sys/devices/virtual/net/lo/address": "00:00:00:00:00:00\n",
        },
    )
    write_link(root, "etc/os-release", "usr/lib/os-release")
    write_link(root, "sys/class/dmi/id", "sys/devices/virtual/dmi/id")
    write_link(root, "sys/class/net/lo", "sys/devices/virtual/net/lo")


def _write_netdev(root: Path, folder: str, mac: str, ifindex: int, flags: str) -> None:
    values = {
        "address": mac,
        "flags": flags,
        "ifindex": str(ifindex),
        "mtu": "1500",
        "operstate": "up",
        "type": "1",
    }
    write_files(root, {f"{folder}/{name}": f"{value}\n" for name, value in values.items()})
    write_link(root, f"sys/class/net/{Path(folder).name}", folder)


def _write_synthetic(root: Path, pair: Pair) -> None:
    device = f"{VMBUS}/{pair.guid}"
    _write_netdev(root, pair.folder, pair.mac, pair.ifindex, "0x1003")
    write_files(root, {f"{device}/class_id": NETVSC})
    write_link(root, f"sys/bus/vmbus/devices/{pair.guid}", device)
    write_link(root, f"{device}/driver", "sys/bus/vmbus/drivers/hv_netvsc")
    write_link(root, f"{pair.folder}/device", device)
    write_link(root, f"{pair.folder}/lower_{pair.vf}", pair.vf_folder)


def _write_vf(root: Path, pair: Pair) -> None:
    """The pass-through device on VMBus, its PCI function, and the netdev of that."""
    device = f"{VMBUS}/{pair.vf_guid}"
    write_files(root, {f"{device}/class_id": PASS_THROUGH})
    write_link(root, f"sys/bus/vmbus/devices/{pair.vf_guid}", device)
    write_link(root, f"{device}/driver", "sys/bus/vmbus/drivers/hv_pci")
    ids = {
        "vendor": "0x15b3",
        "device": f"0x{pair.device_id}",
        "class": "0x020000",
        "subsystem_vendor": "0x15b3",
        "subsystem_device": "0x0080",
        "modalias": f"pci:v000015B3d0000{pair.device_id}sv000015B3sd00000080bc02sc00i00",
        "driver_override": "(null)",
    }
    write_files(root, {f"{pair.function}/{name}": f"{value}\n" for name, value in ids.items()})
    write_link(root, f"sys/bus/pci/devices/{pair.pci_address}", pair.function)
    write_link(root, f"{pair.function}/driver", f"sys/bus/pci/drivers/{pair.driver}")
    _write_netdev(root, pair.vf_folder, pair.mac, pair.ifindex + 1, "0x1803")
    write_link(root, f"{pair.vf_folder}/device", pair.function)
    write_link(root, f"{pair.vf_folder}/master", pair.folder)
    write_link(root, f"{pair.vf_folder}/upper_{pair.name}", pair.folder)


def write_replies(folder: Path, pair: Pair, sample: int) -> None:
    """What the kernel answered to ethtool about both of a pair, more traffic each time."""
    synthetic = {
        "tx_scattered": 0,
        "tx_no_memory": 0,
        "rx_no_memory": 0,
        "vf_rx_packets": 992956 + 900 * sample,
        "vf_rx_bytes": 2749784180 + 900000 * sample,
        "vf_tx_packets": 2656684 + 1000 * sample,
        "vf_tx_bytes": 1099443970 + 400000 * sample,
        "vf_tx_dropped": 0,
        "tx_queue_0_packets": 1200,
        "tx_queue_0_bytes": 96000,
        "rx_queue_0_packets": 5400 + 10 * sample,
        "rx_queue_0_bytes": 540000 + 1000 * sample,
    }
    vf = {"rx_packets": 993000 + 900 * sample, "tx_packets": 2656700 + 1000 * sample}
    for name, replies in (
        (
            pair.name,
            {
                # Since 6.12 the kernel's core fills in the VMBus device, cut to 31 characters.
                "drvinfo": drvinfo("hv_netvsc", bus_info=pair.guid[:31], count=len(synthetic)),
                **_replies(synthetic, pair.mac),
            },
        ),
        (
            pair.vf,
            {
                "drvinfo": drvinfo(
                    pair.ethtool_driver, bus_info=pair.pci_address, count=len(vf), fw="14.25.8102"
                ),
                **_replies(vf, pair.mac),
            },
        ),
    ):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for reply, content in replies.items():
            (folder / name / f"{reply}.bin").write_bytes(content)
        (folder / name / "ring.errno").write_text("EOPNOTSUPP\n")


def _replies(statistics: Mapping[str, int], mac: str) -> dict[str, bytes]:
    return {
        "stats-strings": stats_strings(list(statistics)),
        "stats": stats(list(statistics.values())),
        "channels": channels(4, 4),
        "permaddr": permaddr(mac),
    }


def drvinfo(driver: str, *, bus_info: str = "", count: int = 0, fw: str = "N/A") -> bytes:
    """struct ethtool_drvinfo."""
    texts = (driver, "6.8.0-1029-azure", fw, bus_info)
    return struct.pack(
        "<I32s32s32s32s32s12s5I",
        0x03,
        *(text.encode() for text in texts),
        b"",
        b"",
        *(0, count, 0, 0, 0),
    )


def stats_strings(names: Sequence[str]) -> bytes:
    """struct ethtool_gstrings."""
    fields = b"".join(name.encode().ljust(32, b"\0") for name in names)
    return struct.pack("<III", 0x1B, 1, len(names)) + fields


def stats(values: Sequence[int]) -> bytes:
    """struct ethtool_stats."""
    return struct.pack(f"<II{len(values)}Q", 0x1D, len(values), *values)


def channels(combined: int, most: int) -> bytes:
    """struct ethtool_channels."""
    return struct.pack("<9I", 0x3C, 0, 0, 0, most, 0, 0, 0, combined)


def permaddr(mac: str) -> bytes:
    """struct ethtool_perm_addr."""
    raw = bytes.fromhex(mac.replace(":", ""))
    return struct.pack("<II", 0x20, len(raw)) + raw


def log_of(pair: Pair) -> str:
    """How the kernel log tells that a pair came to be."""
    netvsc = f"hv_netvsc {pair.guid} {pair.name}"
    return (
        f"[    3.101000] {netvsc}: VF slot 1 added\n"
        f"[    3.152000] hv_pci {pair.vf_guid}: PCI VMBus probing: Using version 0x10004\n"
        f"[    4.200000] {pair.driver} {pair.pci_address}: firmware version: 14.25.8102\n"
        f"[    4.800000] {netvsc}: VF registering: eth1\n"
        f"[    4.801000] {pair.driver} {pair.pci_address} eth1: joined to {pair.name}\n"
        f"[    4.900000] {pair.driver} {pair.pci_address} {pair.vf}: renamed from eth1\n"
        f"[    6.100000] {netvsc}: Data path switched to VF: {pair.vf}\n"
    )


def an_instance_document(pairs: Sequence[Pair]) -> dict[str, Any]:
    """The instance metadata of such a VM (api-version 2021-02-01), cut down."""
    image = {
        "publisher": "canonical",
        "offer": "ubuntu-24_04-lts",
        "sku": "server",
        "version": "24.04.202501140",
    }
    return {
        "compute": {
            "azEnvironment": "AzurePublicCloud",
            "location": "westeurope",
            "name": "web-frontend-7",
            "osType": "Linux",
            "provider": "Microsoft.Compute",
            "resourceGroupName": "contoso-production",
            "subscriptionId": "8d10da13-8125-4ba9-a717-bf7490507b3d",
            "tags": "costcenter:4711-retail",
            "tagsList": [{"name": "costcenter", "value": "4711-retail"}],
            "vmId": "02aab8a4-74ef-476e-8182-f6d2ba4166a6",
            "vmSize": "Standard_D4s_v5",
            "storageProfile": {"imageReference": {"id": "", **image}},
            **image,
        },
        "network": {
            "interface": [
                {
                    "ipv4": {
                        "ipAddress": [
                            {
                                "privateIpAddress": pair.addresses[0].partition("/")[0],
                                "publicIpAddress": "",
                            }
                        ],
                        "subnet": [{"address": "10.0.0.0", "prefix": "24"}],
                    },
                    "ipv6": {"ipAddress": []},
                    "macAddress": pair.mac.replace(":", "").upper(),
                }
                for pair in pairs
            ]
        },
    }


def pack(bundle: Path, archive: Path) -> Path:
    """Make the .tar.gz of a bundle directory."""
    with tarfile.open(archive, "w:gz") as packed:
        for path in sorted(bundle.iterdir()):
            packed.add(path, path.name)
    return archive


def judge_host(host: Host, expect: Expect = "auto") -> dict[str, Any]:
    """The report about a host, as plain values."""
    return document(judge(build(observe(host), expect), CHECKS))


def judge_bundle(path: Path, expect: Expect = "auto") -> dict[str, Any]:
    """The report about a bundle, as plain values."""
    return judge_host(BundleHost(str(path)), expect)


def statuses(report: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """The status of each check on each subject."""
    return {
        (finding["check"], finding["subject"]): finding["status"] for finding in report["findings"]
    }
