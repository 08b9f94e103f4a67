"""Every fixture gives the report that lies beside it: `ACCEPT=1` rewrites them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from accelnet_agent import render_json, render_text
from accelnet_agent.checks import CHECKS
from accelnet_agent.engine import judge
from accelnet_agent.machine import build
from accelnet_agent.report import Report
from accelnet_probes.bundle import BundleHost
from accelnet_probes.observe import observe

FIXTURES = Path(__file__).parent.parent / "fixtures"
SCHEMA = Path(__file__).parent.parent.parent / "docs" / "report.schema.json"
MACHINES = sorted(path.parent for path in FIXTURES.glob("*/bundle.json"))
EACH = pytest.mark.parametrize("machine", MACHINES, ids=lambda path: path.name)


def _report(machine: Path) -> Report:
    return judge(build(observe(BundleHost(str(machine)))), CHECKS)


@EACH
def test_the_report_is_the_expected_one(machine: Path) -> None:
    """The text report equals report.txt."""
    text = render_text.render(_report(machine))
    expected = machine / "report.txt"
    if os.environ.get("ACCEPT"):
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


@EACH
def test_the_document_follows_the_schema(machine: Path) -> None:
    """The JSON report of every fixture validates against the published schema."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    document = json.loads(render_json.render(_report(machine)))
    jsonschema.Draft202012Validator(schema).validate(document)


@EACH
def test_it_says_where_it_comes_from(machine: Path) -> None:
    """Recorded or transcribed: its README says which, and never neither."""
    text = (machine / "README.md").read_text(encoding="utf-8")
    assert ("**Recorded" in text) != ("**Transcribed" in text)


# What each fixture was made to show: verdict, and the checks that fail.
EXPECTED: dict[str, tuple[str, set[str]]] = {
    "datapath-not-switched": ("fail", {"vf-datapath"}),
    "idle": ("pass", set()),
    "ioctl-hangs": ("fail", {"probes-answered"}),
    "ipv4-on-vf": ("fail", {"vf-unaddressed"}),
    "mana-healthy": ("pass", set()),
    "mlx4-healthy": ("pass", set()),
    "mlx5-healthy": ("pass", set()),
    "mtu-mismatch": ("fail", {"vf-mtu"}),
    "no-vf": ("warn", set()),
    "pass-through-without-driver": ("fail", {"vmbus-passthrough"}),
    "seed-sample": ("pass", set()),
    "two-nics": ("pass", set()),
    "vf-down": ("fail", {"vf-up"}),
    "vf-driver-override": ("fail", {"vf-driver"}),
    "vf-drops": ("warn", set()),
    "vf-managed-by-networkd": ("warn", set()),
    "vf-no-carrier": ("fail", {"vf-up"}),
    "vf-not-paired": ("fail", {"vf-paired"}),
    "vf-persistent-net-rule": ("warn", set()),
    "vf-rename-fight": ("warn", set()),
    "vf-revoked": ("warn", set()),
    "vf-without-driver": ("fail", {"vf-driver"}),
}


def test_every_fixture_is_expected() -> None:
    """No fixture without its line above, and none above without its folder."""
    assert [machine.name for machine in MACHINES] == sorted(EXPECTED)


@EACH
def test_exactly_the_right_check_fails(machine: Path) -> None:
    """One fault, one failing check."""
    report = _report(machine)
    failing = {finding.check for finding in report.findings if finding.status == "fail"}
    assert (report.verdict, failing) == EXPECTED[machine.name]


def test_the_sample_of_the_page_has_its_facts() -> None:
    """Verdict, data path, family, PCI address and the five counters, exactly."""
    document: dict[str, Any] = render_json.document(_report(FIXTURES / "seed-sample"))
    [nic] = document["nics"]
    assert document["verdict"] == "pass"
    assert nic["datapath"] == "vf"
    assert (nic["vf"]["family"], nic["vf"]["pci_address"]) == ("ConnectX-3", "0001:00:02.0")
    assert nic["counters"] == {
        "vf_rx_packets": 992956,
        "vf_rx_bytes": 2749784180,
        "vf_tx_packets": 2656684,
        "vf_tx_bytes": 1099443970,
        "vf_tx_dropped": 0,
    }


def test_the_sample_of_the_page_has_six_pci_functions() -> None:
    """The addresses of its lspci lines, and the VF's name as lspci prints it."""
    machine = FIXTURES / "seed-sample"
    lines = (machine / "lspci.txt").read_text(encoding="utf-8").splitlines()
    snapshot = observe(BundleHost(str(machine)))
    assert isinstance(snapshot.pci, tuple)
    assert [function.address for function in snapshot.pci] == [line.split()[0] for line in lines]
    [function] = build(snapshot).functions
    assert lines[-1].endswith(f"Ethernet controller: Mellanox Technologies {function.name}")
