"""kernel-known-issue: kernels and drivers that the catalogue names."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.checks.kernel_known_issue import judge
from accelnet_agent.data.known_issues import ISSUES, KnownIssue
from accelnet_agent.machine import Machine
from accelnet_agent.versions import parse_kernel
from accelnet_probes.record import replace
from accelnet_probes.snapshot import DriverInfo, MissingFactsError
from building import (
    REFUSED,
    a_function,
    a_machine,
    a_netdev,
    a_pci_function,
    a_vf,
    an_ethtool_sample,
)

UNBOUND = a_pci_function(driver=None, netdevs=())


def _machine(kernel: str, *, family: str = "ConnectX-4 Lx", **changes: Any) -> Machine:
    function = a_function(family=family)
    return a_machine(kernel_release=kernel, **{"functions": (function,), **changes})


def _found(machine: Machine) -> list[str]:
    issues = judge(machine).evidence.get("issues", [])
    assert isinstance(issues, list)
    return [str(issue).partition(":")[0] for issue in issues]


@pytest.mark.parametrize(
    ("kernel", "changes", "issue"),
    [
        pytest.param("6.6.139.1-1.azl3", {}, "azurelinux-without-connectx3", id="azl-first"),
        pytest.param("6.6.140.1-2.azl3", {}, "azurelinux-without-connectx3", id="azl-between"),
        pytest.param("6.6.141.1-1.azl3", {}, None, id="azl-fixed"),
        pytest.param("6.6.137.1-1.azl3", {}, None, id="azl-before"),
        pytest.param("4.15.0-20-generic", {}, "xenial-hwe-hangs-with-vf", id="xenial"),
        pytest.param("4.15.0-23-generic", {}, None, id="xenial-fixed"),
        pytest.param("4.15.0-1009-azure", {}, None, id="another-flavour"),
        pytest.param("4.4.178-94.88-default", {}, "sles12-impaired", id="sles"),
        pytest.param("4.4.178-94.91-default", {}, None, id="sles-fixed"),
        pytest.param("4.4.92-6.18-default", {}, None, id="sles-minimum"),
        pytest.param("4.14.44-coreos", {}, "coreos-ifdown-ifup", id="coreos"),
        pytest.param("4.14.48-coreos-r1", {}, None, id="coreos-later"),
        pytest.param("5.10.67-flatcar", {}, "flatcar-mellanox", id="flatcar"),
        pytest.param("5.10.67-flatcar", {"family": "MANA"}, None, id="flatcar-on-mana"),
        pytest.param("5.10.69-flatcar", {}, None, id="flatcar-fixed"),
        pytest.param("6.0.2", {}, "vf-offer-race-6.0", id="mainline"),
        pytest.param("6.0.3", {}, None, id="mainline-fixed"),
        pytest.param("5.15.140", {}, "vf-exposed-before-slave-5.15", id="slave-bit"),
        pytest.param(
            "3.10.0-957.1.3.el7.x86_64", {"cpu_count": 416}, "rhel76-many-cpus", id="rhel-416"
        ),
        pytest.param("3.10.0-957.1.3.el7.x86_64", {"cpu_count": 256}, None, id="rhel-256"),
        pytest.param("3.10.0-957.1.3.el7.x86_64", {"cpu_count": None}, None, id="rhel-unknown"),
        pytest.param("3.10.0-957.38.1.el7.x86_64", {"cpu_count": 416}, None, id="rhel76-fixed"),
        pytest.param("3.10.0-1062.el7.x86_64", {"cpu_count": 416}, "rhel77-many-cpus", id="rhel77"),
        pytest.param(
            "6.2.0-1018-azure", {"family": "MANA"}, "ubuntu-mana-probe-fails", id="ubuntu-mana"
        ),
        pytest.param("6.2.0-1018-azure", {}, None, id="ubuntu-without-mana"),
        pytest.param("6.8.0-1062-azure", {"family": "MANA"}, None, id="ubuntu-mana-fixed"),
        pytest.param(
            "6.6.137.mshv1-1.azl3",
            {"functions": (a_function(family="MANA", pci=UNBOUND),)},
            "azurelinux-mshv-without-mana",
            id="mshv",
        ),
        pytest.param("6.6.137.mshv1-1.azl3", {"family": "MANA"}, None, id="mshv-bound"),
        pytest.param("6.8.0-1029-azure", {}, None, id="ubuntu"),
        pytest.param("4.14.127-soniccore", {}, None, id="an-appliance"),
    ],
)
def test_ranges(kernel: str, changes: dict[str, Any], issue: str | None) -> None:
    """By each distribution's own ordering, and only where the machine has what it needs."""
    assert _found(_machine(kernel, **changes)) == ([issue] if issue else [])


def test_what_is_said() -> None:
    """Symptom, source, fixed version, and the catalogue's date."""
    found = judge(_machine("6.6.139.1-1.azl3"))
    assert found.status == "warn"
    assert "kernel 6.6.139.1-1.azl3 is known for this" in found.summary
    assert found.evidence["fixed_in"] == "6.6.141.1"
    assert found.remedy is not None
    assert "https://github.com/microsoft/azurelinux/pull/17736" in found.remedy
    assert str(found.evidence["catalogue"]).endswith("2026-11-25")


def test_what_matters_on_other_hardware_is_named() -> None:
    """The VM may land on it; today it does no harm."""
    found = judge(_machine("6.2.0-1018-azure"))
    assert found.status == "pass"
    assert found.evidence["on_other_hardware"] == ["ubuntu-mana-probe-fails"]


def test_an_image_may_land_on_any_hardware() -> None:
    """What needs an unbound VF can not be told there: next-host-drivers looks for the driver."""
    image = _machine("6.2.0-1018-azure", source="root", functions=())
    assert _found(image) == ["ubuntu-mana-probe-fails"]
    assert _found(_machine("6.6.137.mshv1-1.azl3", source="root", functions=())) == []


def _with_driver(
    version: str, driver: str = "mlx5_core", kernel: str = "5.15.0-1089-azure"
) -> Machine:
    info = DriverInfo(driver=driver, version=version, fw_version="", bus_info="", n_stats=0)
    vf = a_vf(samples=(an_ethtool_sample(driver_info=info),))
    return _machine(kernel, netdevs=(a_netdev(samples=()), vf))


@pytest.mark.parametrize(
    ("version", "driver", "warned"),
    [
        pytest.param("5.8-2.0.3", "mlx5_core", True, id="ofed-5.8"),
        pytest.param("23.10-1.1.9", "mlx5_core", True, id="doca"),
        pytest.param("4.9-5.1.0", "mlx5_core", False, id="the-lts-line"),
        pytest.param("5.0-0", "mlx5_core", False, id="an-old-kernels-own"),
        pytest.param("5.15.0-1089-azure", "mlx5_core", False, id="the-kernels-own"),
        pytest.param("", "mlx5_core", False, id="blank"),
        pytest.param("5.8-2.0.3", "mlx4_en", False, id="another-driver"),
    ],
)
def test_a_driver_from_elsewhere(version: str, driver: str, *, warned: bool) -> None:
    """The kernel's own is numbered as the kernel, or 5.0-0 before that."""
    found = judge(_with_driver(version, driver))
    assert (found.status == "warn") is warned
    if warned:
        assert found.summary.startswith(f"mlx5_core {version} is known for this")


@pytest.mark.parametrize(
    "release",
    [
        pytest.param("6.12.0-206.104.4.4.el9uek.x86_64", id="uek"),
        pytest.param("5.14.0-503.14.1.el9_5.aarch64+64k", id="rhel-64k"),
        pytest.param("4.18.0-240.1.1.el8_3.centos.plus.x86_64", id="centos-plus"),
    ],
)
def test_a_release_that_is_longer_than_the_field_is_the_kernels_own(release: str) -> None:
    """The kernel cuts it off after 31 characters (ethtool_get_drvinfo, strscpy)."""
    assert judge(_with_driver(release[:31], kernel=release)).status == "pass"


def test_the_operators_entries_come_first() -> None:
    """They know their fleet."""
    ours = KnownIssue(
        id="ours",
        families=("ubuntu",),
        fixed="6.9.0-1-azure",
        symptom="it is slow",
        fixed_in="6.9",
        source="https://example.com",
    )
    found = judge(replace(_machine("6.8.0-1029-azure"), known_issues=(ours,)))
    assert found.status == "warn"
    assert "it is slow" in found.summary


def test_a_drivers_last_bad_version() -> None:
    """A range that ends."""
    ours = KnownIssue(
        id="ours",
        families=(),
        driver="mlx5_core",
        fixed="4.9",
        symptom="it is slow",
        fixed_in="4.9",
        source="x",
    )
    assert judge(replace(_with_driver("4.8-1"), known_issues=(ours,))).status == "warn"
    assert judge(replace(_with_driver("4.9-1"), known_issues=(ours,))).status == "pass"


def test_without_a_release() -> None:
    """Refused, or none."""
    assert judge(a_machine(kernel_release=None)).status == "skip"
    with pytest.raises(MissingFactsError):
        judge(a_machine(kernel_release=REFUSED))


@pytest.mark.parametrize("issue", [pytest.param(issue, id=issue.id) for issue in ISSUES])
def test_each_entry_is_whole(issue: KnownIssue) -> None:
    """A source, words for people, limits that can be compared, in their order."""
    assert issue.source.startswith(("https://", "docs.nvidia.com"))
    assert issue.symptom
    assert issue.fixed_in
    assert bool(issue.families) != bool(issue.driver)
    assert issue.since or issue.contains
    if issue.driver is None:
        for limit in (issue.since, issue.fixed):
            kernel = None if limit is None else parse_kernel(limit)
            assert limit is None or kernel is not None
            assert kernel is None or kernel.family in (*issue.families, "mainline")


def test_ids_are_unique() -> None:
    """Of all entries."""
    assert len({issue.id for issue in ISSUES}) == len(ISSUES)
