"""Machines that are judged for what they are: no fault is made of what is meant so."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trees import (
    SECOND,
    VMBUS,
    Pair,
    judge_bundle,
    statuses,
    write_files,
    write_link,
    write_machine,
    write_replies,
)

PAIR = Pair()
MANA = Pair(
    vf="enP30832s1",
    pci_address="7870:00:00.0",
    vf_guid="e9ac9b28-7870-4cde-9d43-51be1a9f1fcc",
    driver="mana",
    ethtool_driver="mana",
    device_id="00ba",
)


def _finding(report: dict[str, Any], check: str, subject: str = "host") -> dict[str, Any]:
    found: list[dict[str, Any]] = [
        finding
        for finding in report["findings"]
        if (finding["check"], finding["subject"]) == (check, subject)
    ]
    assert len(found) == 1
    return found[0]


def _worst(report: dict[str, Any]) -> list[str]:
    return [
        f"{f['check']}: {f['summary']}"
        for f in report["findings"]
        if f["status"] in ("fail", "warn")
    ]


def _without_netdev(root: Path, name: str, folder: str) -> None:
    (root / "sys/class/net" / name).unlink()
    shutil.rmtree(root / folder)


def _without_vf(root: Path, pair: Pair = PAIR) -> None:
    _without_netdev(root, pair.vf, pair.vf_folder)
    (root / pair.folder / f"lower_{pair.vf}").unlink()
    (root / f"sys/bus/pci/devices/{pair.pci_address}").unlink()
    (root / f"sys/bus/vmbus/devices/{pair.vf_guid}").unlink()


def _bind(root: Path, device: str, driver: str, bus: str = "vmbus") -> None:
    (root / device / "driver").unlink()
    write_link(root, f"{device}/driver", f"sys/bus/{bus}/drivers/{driver}")


# --- Confidential VM ---


@pytest.mark.parametrize("witness", ["log", "imds"])
def test_a_confidential_vm_has_none_by_design(tmp_path: Path, witness: str) -> None:
    """The kernel's line or the security profile says so; nothing fails, and nothing is to do."""
    bundle = write_machine(tmp_path / "b")
    _without_vf(bundle / "root")
    line = "hv_netvsc x eth0: SR-IOV not advertised by guests on the host supporting isolation\n"
    (bundle / "kernel.log").write_text(line if witness == "log" else "")
    if witness == "imds":
        document = json.loads((bundle / "imds/instance.json").read_text())
        document["compute"]["securityProfile"] = {"securityType": "ConfidentialVM"}
        (bundle / "imds/instance.json").write_text(json.dumps(document))
    report = judge_bundle(bundle)
    assert _finding(report, "vf-expected", "eth0")["status"] == "skip"
    assert _finding(report, "next-host-drivers")["status"] == "skip"
    assert _worst(report) == []
    assert report["verdict"] == "warn"  # no VF is in use


# --- DPDK ---


def _dpdk(bundle: Path) -> Path:
    """netvsc's device bound to uio_hv_generic: eth0 is gone, and the VF has no master."""
    root = bundle / "root"
    _without_netdev(root, "eth0", PAIR.folder)
    _bind(root, f"{VMBUS}/{PAIR.guid}", "uio_hv_generic")
    for name in ("master", "upper_eth0"):
        (root / PAIR.vf_folder / name).unlink()
    return bundle


def test_dpdk_with_the_vf_in_the_kernel(tmp_path: Path) -> None:
    """mlx5 and MANA stay with the kernel's driver: the VF that is left is not without address."""
    report = judge_bundle(_dpdk(write_machine(tmp_path / "b")))
    assert "fail" not in statuses(report).values()
    assert "DPDK" in _finding(report, "vf-unaddressed", PAIR.vf)["summary"]


def test_dpdk_with_the_vf_on_vfio(tmp_path: Path) -> None:
    """The pair is given away whole: said so, and no fault of the driver's."""
    bundle = _dpdk(write_machine(tmp_path / "b"))
    root = bundle / "root"
    _without_netdev(root, PAIR.vf, PAIR.vf_folder)
    _bind(root, PAIR.function, "vfio-pci", "pci")
    report = judge_bundle(bundle)
    assert _finding(report, "vf-driver", PAIR.pci_address)["status"] == "skip"
    assert "DPDK has them" in _finding(report, "vf-expected")["summary"]
    assert "fail" not in statuses(report).values()


def test_vfio_without_dpdk_is_a_fault(tmp_path: Path) -> None:
    """eth0 is the kernel's, and its VF sends nothing."""
    bundle = write_machine(tmp_path / "b")
    root = bundle / "root"
    _without_netdev(root, PAIR.vf, PAIR.vf_folder)
    (root / PAIR.folder / f"lower_{PAIR.vf}").unlink()
    _bind(root, PAIR.function, "vfio-pci", "pci")
    found = _finding(judge_bundle(bundle), "vf-driver", PAIR.pci_address)
    assert found["status"] == "fail"
    assert "vfio-pci" in found["summary"]
    assert "unbind" in found["remedy"]


# --- InfiniBand ---


def test_infiniband_beside_ethernet(tmp_path: Path) -> None:
    """An HPC size: the same device id, another class, ib0 with its own netdev type."""
    bundle = write_machine(tmp_path / "b")
    root = bundle / "root"
    function = f"{VMBUS}/47505500-0002-0000-3130-444531334632/pci0101:00/0101:00:00.0"
    ids = {
        "vendor": "0x15b3",
        "device": "0x101c",
        "class": "0x020700",
        "subsystem_vendor": "0x15b3",
        "subsystem_device": "0x0090",
        "net/ib0/type": "32",
        "net/ib0/address": "00:00:01:49:fe:80:00:00:00:00:00:00:00:15:5d:ff:fd:33:ff:10",
        "net/ib0/ifindex": "9",
        "net/ib0/flags": "0x1003",
        "net/ib0/mtu": "2044",
        "net/ib0/operstate": "up",
    }
    write_files(root, {f"{function}/{name}": f"{value}\n" for name, value in ids.items()})
    write_link(root, "sys/bus/pci/devices/0101:00:00.0", function)
    write_link(root, f"{function}/driver", "sys/bus/pci/drivers/mlx5_core")
    write_link(root, "sys/class/net/ib0", f"{function}/net/ib0")
    write_link(root, f"{function}/net/ib0/device", function)
    report = judge_bundle(bundle)
    assert report["verdict"] == "pass"
    assert [found["address"] for found in report["pci_functions"]] == [PAIR.pci_address]
    assert [nic["name"] for nic in report["nics"]] == ["eth0"]


# --- MANA ---


def _as_mana(root: Path) -> None:
    write_files(root, {f"{MANA.function}/vendor": "0x1414\n"})


def test_two_mana_netdevs_on_one_function(tmp_path: Path) -> None:
    """One function serves both NICs: neither lacks a VF, and each is paired by its link."""
    bundle = write_machine(tmp_path / "b", pairs=(MANA,))
    root = bundle / "root"
    _as_mana(root)
    second = Pair(
        name=SECOND.name,
        mac=SECOND.mac,
        guid=SECOND.guid,
        addresses=SECOND.addresses,
        vf="enP30832s1d1",
        vf_guid=MANA.vf_guid,
        pci_address=MANA.pci_address,
        driver="mana",
        ethtool_driver="mana",
        device_id="00ba",
        ifindex=4,
    )
    device = f"{VMBUS}/{second.guid}"
    write_files(root, {f"{device}/class_id": "{f8615163-df3e-46c5-913f-f2d2f965ed0e}\n"})
    write_link(root, f"sys/bus/vmbus/devices/{second.guid}", device)
    write_link(root, f"{device}/driver", "sys/bus/vmbus/drivers/hv_netvsc")
    for folder, index, flags in ((second.folder, 4, "0x1003"), (second.vf_folder, 5, "0x1803")):
        values = {"address": second.mac, "flags": flags, "ifindex": index, "mtu": 1500, "type": 1}
        values["operstate"] = "up"
        write_files(root, {f"{folder}/{name}": f"{value}\n" for name, value in values.items()})
        write_link(root, f"sys/class/net/{Path(folder).name}", folder)
    write_link(root, f"{second.folder}/device", device)
    write_link(root, f"{second.vf_folder}/device", second.function)
    write_link(root, f"{second.folder}/lower_{second.vf}", second.vf_folder)
    write_link(root, f"{second.vf_folder}/master", second.folder)
    for sample in (0, 1):
        write_replies(bundle / f"ethtool/{sample}", second, sample)
    (bundle / "imds/instance.json").unlink()
    report = judge_bundle(bundle)
    assert report["verdict"] == "pass"
    assert [(nic["name"], nic["vf"]["name"], nic["datapath"]) for nic in report["nics"]] == [
        ("eth0", "enP30832s1", "vf"),
        ("eth1", "enP30832s1d1", "vf"),
    ]
    [function] = report["pci_functions"]
    assert function["netdevs"] == ["enP30832s1", "enP30832s1d1"]
    assert function["family"] == "MANA"


def test_mana_without_a_synthetic_partner(tmp_path: Path) -> None:
    """A direct NIC: it has the address, nobody is its master, and that is right."""
    pair = replace(MANA, vf_addresses=("10.0.0.4/24",))
    bundle = write_machine(tmp_path / "b", pairs=(pair,))
    root = bundle / "root"
    _as_mana(root)
    _without_netdev(root, "eth0", pair.folder)
    (root / f"sys/bus/vmbus/devices/{pair.guid}").unlink()
    for name in ("master", "upper_eth0"):
        (root / pair.vf_folder / name).unlink()
    (bundle / "kernel.log").write_text("")
    report = judge_bundle(bundle)
    assert report["verdict"] == "pass"
    [nic] = report["nics"]
    assert (nic["name"], nic["datapath"]) == (pair.vf, "direct")
    assert _worst(report) == []


# --- elsewhere ---


def _vendor(bundle: Path, vendor: str, asset_tag: str = "No Asset Tag") -> None:
    folder = bundle / "root/sys/devices/virtual/dmi/id"
    (folder / "sys_vendor").write_text(f"{vendor}\n")
    (folder / "chassis_asset_tag").write_text(f"{asset_tag}\n")
    (bundle / "imds/instance.json").unlink()


def test_plain_hyper_v(tmp_path: Path) -> None:
    """The same pair on a host of one's own: judged, without Azure's hardware and remedies."""
    bundle = write_machine(tmp_path / "b")
    _vendor(bundle, "Microsoft Corporation", "2831-3616-6471-3265-8574-4364-28")
    report = judge_bundle(bundle)
    assert report["host"]["azure"] is False
    assert report["verdict"] == "pass"
    assert "not Azure" in _finding(report, "next-host-drivers")["summary"]


def test_plain_hyper_v_without_a_vf(tmp_path: Path) -> None:
    """The remedy is the host's, not az."""
    bundle = write_machine(tmp_path / "b")
    _vendor(bundle, "Microsoft Corporation", "2831-3616-6471-3265-8574-4364-28")
    _without_vf(bundle / "root")
    (bundle / "kernel.log").write_text("")
    found = _finding(judge_bundle(bundle), "vf-expected", "eth0")
    assert "Set-VMNetworkAdapter" in found["remedy"]
    assert "az " not in found["remedy"]


def test_wsl(tmp_path: Path) -> None:
    """Its network is another's."""
    bundle = write_machine(tmp_path / "b")
    release = bundle / "root/proc/sys/kernel/osrelease"
    release.write_text("6.6.87.2-microsoft-standard-WSL2\n")
    report = judge_bundle(bundle)
    assert report["verdict"] == "unknown"
    assert "WSL" in _finding(report, "vf-expected")["summary"]


@pytest.mark.parametrize("vendor", ["VMware, Inc.", "Dell Inc.", "QEMU"])
@pytest.mark.parametrize("bound", [True, False])
def test_another_platform_with_sriov(tmp_path: Path, vendor: str, *, bound: bool) -> None:
    """A VF of the same make and no VMBus: not judged, bound or not."""
    bundle = write_machine(tmp_path / "b")
    root = bundle / "root"
    _vendor(bundle, vendor)
    shutil.rmtree(root / "sys/bus/vmbus")
    _without_netdev(root, "eth0", PAIR.folder)
    for name in ("master", "upper_eth0"):
        (root / PAIR.vf_folder / name).unlink()
    if not bound:
        _without_netdev(root, PAIR.vf, PAIR.vf_folder)
        (root / PAIR.function / "driver").unlink()
    (bundle / "kernel.log").write_text("")
    report = judge_bundle(bundle)
    assert report["verdict"] == "unknown"
    assert report["nics"] == []
    assert {"fail", "warn"}.isdisjoint(statuses(report).values())


def test_a_physical_function_of_bare_metal(tmp_path: Path) -> None:
    """The whole card is no VF: it is not listed."""
    bundle = write_machine(tmp_path / "b", pairs=(Pair(device_id="1017"),))
    root = bundle / "root"
    _vendor(bundle, "Dell Inc.")
    shutil.rmtree(root / "sys/bus/vmbus")
    _without_netdev(root, "eth0", PAIR.folder)
    report = judge_bundle(bundle)
    assert report["pci_functions"] == []
    assert report["verdict"] == "unknown"
