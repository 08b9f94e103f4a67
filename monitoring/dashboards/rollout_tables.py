"""Rollouts: the VMs that are not ready, that have a known fault, that are not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cells
import frame
import palette
import parts
import queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.builders.table import Panel as Table
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models import dashboard

    Panels = Sequence[Builder[dashboard.Panel]]

READY, KNOWN = "next-host-drivers", "kernel-known-issue"
ROWS: Final = 200


def ready() -> Panels:
    """Who keeps accelerated networking on a host with other hardware."""
    return [
        parts.coloured(
            parts.stacked(
                parts.a_graph(
                    "VMs by readiness",
                    "What the check next-host-drivers finds: pass has the drivers of every Azure "
                    "host, warn lacks one. Skipped where /lib/modules can not be read.",
                    parts.over_time(f"sum by (status) ({queries.checks(READY)})", "{{status}}"),
                )
            ).decimals(0),
            dict(palette.STATUSES.values()),
        ).span(8),
        _vms(
            "VMs that are not ready",
            f"Up to {ROWS} of them, with what they run: an image is to blame, as a rule. A VM "
            "leads to its dashboard, where the check leads to its runbook.",
            READY,
        ).span(16),
    ]


def known() -> Panels:
    """Who runs a kernel or driver that is known to break it."""
    check = queries.select("accelnet_check_status", queries.CHOSEN, check=KNOWN)
    affected = queries.with_host(f"{check} == 1", "check, device", "kernel", "distro")
    return [
        cells.columns(
            parts.a_table(
                "By kernel",
                "VMs with a kernel or driver of which a fault is known.",
                parts.rows(f"sort_desc(count by (kernel, distro) ({affected}))"),
            ),
            {"kernel": "Kernel", "distro": "Distribution", "Value": "VMs"},
        ).span(8),
        _vms(
            "VMs with a known fault",
            f"Up to {ROWS} of them. The check's finding on the VM has the source.",
            KNOWN,
        ).span(16),
    ]


def _vms(title: str, answers: str, check: str) -> Table:
    """The VMs of which a check warns, or which it could not judge."""
    status = queries.select("accelnet_check_status", queries.CHOSEN, check=check)
    labels = ("kernel", "distro", "distro_version", "vm_size")
    found = cells.columns(
        parts.a_table(
            title,
            answers,
            parts.rows(
                f"topk({ROWS}, {queries.with_host(f'{status} > 0', 'check, device', *labels)})"
            ),
        ),
        {
            "instance": "VM",
            "Value": "Status",
            "vm_size": "VM size",
            "kernel": "Kernel",
            "distro": "Distribution",
            "distro_version": "Release",
            "region": "Region",
        },
    )
    found.override_by_name("VM", cells.linked(frame.link_to_vm()))
    found.override_by_name("Status", cells.worded(palette.status_words()))
    return found


def agents() -> Panels:
    """Where nobody looks, or not all can be seen."""
    probes = queries.select("accelnet_probe_success", queries.CHOSEN)
    down = cells.columns(
        parts.a_table(
            "Which agents are down",
            f"Up to {ROWS} targets of the jobs accelnet-agent… whose last scrape failed.",
            parts.rows(f"topk({ROWS}, {queries.agents_up()} == 0)"),
        ),
        {"instance": "VM", "job": "Job", "region": "Region"},
    )
    failing = cells.columns(
        parts.a_table(
            "Probes that fail",
            f"Up to {ROWS} of them: the part of the observation that did not answer, or in which "
            "accelnet has a fault. imds fails where a firewall or proxy keeps the VM from its "
            "metadata.",
            parts.rows(f"topk({ROWS}, {probes} == 0)"),
        ),
        {"instance": "VM", "probe": "Probe", "region": "Region"},
    )
    for panel in (down, failing):
        panel.override_by_name("VM", cells.linked(frame.link_to_vm()))
    return [
        parts.a_ranking(
            "Probes that fail, by probe",
            "On how many VMs each part of the observation failed.",
            parts.now(f"count by (probe) ({probes} == 0)", "{{probe}}"),
        ).color_scheme(palette.fixed(palette.ORANGE)),
        failing.span(8),
        down.span(8),
    ]
