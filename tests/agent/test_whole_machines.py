"""Whole machines of which a part was refused or never recorded: no verdict hangs on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trees import SECOND, Pair, judge_bundle, write_about, write_machine

PAIR = Pair()
ETH0 = "sys/class/net/eth0"
EACH = [
    f"{PAIR.folder}/lower_{PAIR.vf}",
    f"{PAIR.vf_folder}/master",
    f"{PAIR.vf_folder}/upper_eth0",
]


def _statuses(report: dict[str, Any]) -> dict[str, str]:
    return {finding["check"]: finding["status"] for finding in report["findings"]}


def _refused(bundle: Path, *keys: str) -> Path:
    """The machine with these taken away and named unreadable."""
    for key in keys:
        (bundle / "root" / key).unlink()
    write_about(bundle, unreadable=dict.fromkeys(keys, "EACCES"))
    return bundle


def _strip_drivers_of_vmbus(bundle: Path) -> Path:
    """What a bundle made of the canonical files alone lacks."""
    for link in (bundle / "root").glob("sys/devices/*/*/*/VMBUS:00/*/driver"):
        link.unlink()
    return bundle


def test_an_unreadable_nic_does_not_vanish(tmp_path: Path) -> None:
    """Its VF is no direct NIC then, and nothing passes."""
    report = judge_bundle(_refused(write_machine(tmp_path / "b"), ETH0))
    assert report["verdict"] == "unknown"
    assert "direct" not in [nic["datapath"] for nic in report["nics"]]


def test_unreadable_links_break_no_pair(tmp_path: Path) -> None:
    """That they are there says that something is joined, and not what."""
    report = judge_bundle(_refused(write_machine(tmp_path / "b"), *EACH))
    assert report["verdict"] == "unknown"
    assert _statuses(report)["vf-paired"] == "unknown"
    assert report["nics"][0]["vf"] is None


def test_an_unreadable_pci_function_is_listed(tmp_path: Path) -> None:
    """Its netdev says that it hangs below."""
    key = f"sys/bus/pci/devices/{PAIR.pci_address}"
    report = judge_bundle(_refused(write_machine(tmp_path / "b"), key))
    [function] = report["pci_functions"]
    assert (function["address"], function["family"]) == (PAIR.pci_address, "unknown")
    assert function["driver_observed"] is False


def test_without_vmbus_ethtool_tells_the_nic(tmp_path: Path) -> None:
    """Its listing was refused: the driver that ethtool names remains."""
    bundle = _strip_drivers_of_vmbus(write_machine(tmp_path / "b"))
    write_about(bundle, unreadable={"sys/bus/vmbus/devices": "EACCES"})
    assert [nic["name"] for nic in judge_bundle(bundle)["nics"]] == ["eth0"]


def test_the_canonical_files_are_enough(tmp_path: Path) -> None:
    """No driver link of VMBus, no uptime: a healthy machine passes all the same."""
    bundle = _strip_drivers_of_vmbus(write_machine(tmp_path / "b"))
    (bundle / "root/proc/uptime").unlink()
    report = judge_bundle(bundle)
    assert report["verdict"] == "pass"
    assert report["nics"][0]["driver"] == "hv_netvsc"


@pytest.mark.parametrize("canonical", [False, True])
def test_a_container_with_a_namespace_of_its_own_is_unknown(
    tmp_path: Path, canonical: bool
) -> None:
    """VMBus and PCI are the machine's, the interfaces another's."""
    bundle = write_machine(tmp_path / "b")
    root = bundle / "root"
    for name in ("eth0", PAIR.vf):
        (root / "sys/class/net" / name).unlink()
    for folder in (PAIR.folder, PAIR.vf_folder):
        for path in (root / folder).iterdir():
            path.unlink()
        (root / folder).rmdir()
    if canonical:
        _strip_drivers_of_vmbus(bundle)
    report = judge_bundle(bundle)
    assert report["verdict"] == "unknown"
    assert "fail" not in _statuses(report).values()


def _without_vf(folder: Path, log: str, **about: Any) -> Path:
    """The machine after its VF left, with what the kernel said."""
    bundle = write_machine(folder, pairs=(PAIR, SECOND), **about)
    root = bundle / "root"
    (root / "sys/class/net" / PAIR.vf).unlink()
    (root / PAIR.folder / f"lower_{PAIR.vf}").unlink()
    (root / f"sys/bus/pci/devices/{PAIR.pci_address}").unlink()
    (root / f"sys/bus/vmbus/devices/{PAIR.vf_guid}").unlink()
    (bundle / "kernel.log").write_text(log)
    return bundle


@pytest.mark.parametrize(
    "log",
    [
        pytest.param("[86370.1] eth0: VF slot 1 removed\n", id="removed"),
        pytest.param(
            "[86300.1] eth0: VF slot 1 removed\n[86370.1] eth0: VF slot 1 added\n",
            id="and-promised-again",
        ),
        pytest.param("[86390.1] eth0: VF slot 1 added\n", id="promised-for-the-first-time"),
        pytest.param("Jan  2 03:03:35 vm kernel: eth0: VF slot 1 removed\n", id="syslog"),
    ],
)
@pytest.mark.parametrize("canonical", [False, True])
def test_a_vf_in_servicing_is_waited_for(tmp_path: Path, log: str, canonical: bool) -> None:
    """Even where one is expected, and whatever else VMBus offers."""
    bundle = _without_vf(tmp_path / "b", log)
    if canonical:
        _strip_drivers_of_vmbus(bundle)
    report = judge_bundle(bundle, expect="on")
    assert report["verdict"] == "warn"


def test_a_vf_that_left_long_ago_is_missing(tmp_path: Path) -> None:
    """Two hours are no servicing; and it is not for lack of enabling."""
    bundle = _without_vf(tmp_path / "b", "[79000.1] eth0: VF slot 1 removed\n")
    report = judge_bundle(bundle, expect="on")
    [finding] = [
        f for f in report["findings"] if f["check"] == "vf-expected" and f["subject"] == "eth0"
    ]
    assert finding["status"] == "fail"
    assert "redeploy" in finding["remedy"]
    assert "--accelerated-networking" not in finding["remedy"]
