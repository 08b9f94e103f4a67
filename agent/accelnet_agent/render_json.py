"""The report as JSON (docs/report.schema.json)."""

from __future__ import annotations

import json

from accelnet_agent.datapath import counters_of
from accelnet_agent.functions import of_netdev
from accelnet_agent.version import VERSION
from accelnet_probes.snapshot import Gap, known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from accelnet_agent.findings import Finding
    from accelnet_agent.functions import Function
    from accelnet_agent.machine import Machine, Nic
    from accelnet_agent.report import Report
    from accelnet_probes.snapshot import Netdev

SCHEMA = 1


def render(report: Report) -> str:
    """The document as text, ASCII, with a final newline."""
    return json.dumps(document(report), indent=2) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The document as plain values; docs/report.schema.json describes it."""
    machine = report.machine
    return {
        "schema": SCHEMA,
        "tool": {"name": "accelnet", "version": VERSION},
        "observed_at": machine.snapshot.observed_at,
        "source": machine.snapshot.source,
        "verdict": report.verdict,
        "host": _host(machine),
        "nics": [_nic(nic, machine) for nic in machine.nics],
        "pci_functions": [_function(function) for function in machine.functions],
        "findings": [_finding(finding) for finding in report.findings],
    }


def _host(machine: Machine) -> dict[str, Any]:
    release, instance = known(machine.snapshot.os_release), known(machine.snapshot.instance)
    image = instance and {
        name: getattr(instance, name) for name in ("publisher", "offer", "sku", "version")
    }
    return {
        "distro": {
            "id": release and release.id,
            "version_id": release and release.version_id,
            "pretty_name": release and release.pretty_name,
        },
        "kernel": {"release": known(machine.snapshot.kernel_release)},
        "azure": machine.azure,
        "vm_size": instance and instance.vm_size,
        "image": image if image and any(image.values()) else None,
    }


def _nic(nic: Nic, machine: Machine) -> dict[str, Any]:
    netdev, vf = nic.netdev, known(nic.vf)
    window = nic.window
    return {
        "name": netdev.name,
        "driver": known(netdev.driver),
        "mac": known(netdev.mac),
        "mtu": known(netdev.mtu),
        "operstate": known(netdev.operstate),
        "addresses": list(known(netdev.addresses) or ()),
        "datapath": nic.datapath.state,
        "vf": vf and _vf(vf, machine),
        "counters": counters_of(netdev),
        "window": window and {"seconds": window.seconds, **window.growth},
    }


def _vf(vf: Netdev, machine: Machine) -> dict[str, Any]:
    function = of_netdev(vf, machine.functions)
    device = known(vf.device)
    pci = next((pci for pci in known(machine.snapshot.pci) or () if pci.address == device), None)
    if function is not None:
        pci = function.pci
    return {
        "name": vf.name,
        "driver": known(vf.driver),
        "pci_address": pci.address if pci is not None else device,
        "vendor_id": pci and known(pci.vendor_id),
        "device_id": pci and known(pci.device_id),
        "family": function.family if function is not None else "unknown",
        "operstate": known(vf.operstate),
        "mtu": known(vf.mtu),
        "addresses": list(known(vf.addresses) or ()),
    }


def _function(function: Function) -> dict[str, Any]:
    pci = function.pci
    return {
        "address": pci.address,
        "vendor_id": known(pci.vendor_id),
        "device_id": known(pci.device_id),
        "class": known(pci.class_id),
        "name": function.name,
        "family": function.family,
        "driver": known(pci.driver),
        "driver_observed": not isinstance(pci.driver, Gap),
        "netdevs": list(known(pci.netdevs) or ()),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "subject": finding.subject,
        "level": finding.level,
        "status": finding.status,
        "summary": finding.summary,
        "evidence": dict(finding.evidence),
        "remedy": finding.remedy,
        "runbook": finding.runbook,
    }
