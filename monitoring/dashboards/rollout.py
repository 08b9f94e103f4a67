"""Rollouts: which versions of what run, what is wrong with each, and who is not ready.

Ready: a VM that is moved to a host with other hardware keeps its accelerated networking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cells
import frame
import palette
import parts
import queries
from queries import of_fleet, or_zero

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.builders.stat import Panel as Stat
    from grafana_foundation_sdk.builders.table import Panel as Table
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models import dashboard

    Panels = Sequence[Builder[dashboard.Panel]]

READY, KNOWN = "next-host-drivers", "kernel-known-issue"
BUILDS: Final = "fleet:accelnet_build_info:count"
VERDICTS: Final = "fleet:accelnet_verdict:count"
ROWS: Final = 200


def build() -> dashboard.Dashboard:
    """The dashboard."""
    return frame.a_dashboard(
        frame.ROLLOUT,
        "accelnet / Rollout",
        "What is rolled out where, what it breaks, and who is not ready for another host.",
        frame.choices_of_fleet(),
        [
            ("Now", _now()),
            ("What runs", _what_runs()),
            ("Ready for the next host", _ready()),
            ("Kernels with a known fault", _known()),
            ("Agents and probes", _agents()),
        ],
    )


def _now() -> Panels:
    builds = queries.select(BUILDS, queries.CHOSEN)
    return [
        parts.a_stat(
            "VMs that report",
            "How many VMs accelnet has observed, by its own version's count.",
            parts.now(f"sum({builds})"),
        ).thresholds(palette.thresholds((0, palette.GOOD))),
        parts.a_stat(
            "Versions of accelnet",
            "More than one: a rollout is under way, or has stopped on its way.",
            parts.now(f"count(count by (version) ({builds}))"),
        ).thresholds(palette.thresholds((0, palette.GOOD), (2, palette.WARN))),
        _warned(
            "Not ready for the next host",
            "VMs that lack a driver which the VFs of some Azure hosts need: after a stop and "
            "start, a resize or a redeployment they may go by the synthetic path.",
            READY,
        ),
        _warned(
            "With a known fault",
            "VMs whose kernel or driver is known to break accelerated networking.",
            KNOWN,
        ),
        parts.a_count(
            "With a kernel that hangs",
            "VMs whose kernel does not answer in time: its rtnl lock is stuck, as a rule.",
            or_zero(
                f"sum({queries.checks('probes-answered', status='fail')})",
                f"sum({queries.checks('probes-answered')})",
            ),
        ),
        parts.a_count(
            "Agents down",
            "Targets of the jobs accelnet-agent… whose last scrape failed.",
            f"sum({queries.agents_up()} == bool 0)",
        ),
    ]


def _warned(title: str, answers: str, check: str) -> Stat:
    those = f"sum({queries.checks(check, status='warn')})"
    return parts.a_count(title, answers, or_zero(those, f"sum({queries.checks(check)})"))


def _what_runs() -> Panels:
    builds = queries.select(BUILDS, queries.CHOSEN)
    kernels = f"sum by (kernel) ({of_fleet(VERDICTS)})"
    hosts = queries.hosts()
    fails = queries.hosts_where(queries.select("accelnet_verdict", queries.CHOSEN) + " == 2")
    return [
        parts.stacked(
            parts.a_graph(
                "VMs by version of accelnet",
                "What a rollout of accelnet has reached. Not by VM size. What falls as a whole no "
                "longer reports.",
                parts.over_time(f"sum by (version) ({builds})", "{{version}}"),
            )
        ).decimals(0),
        parts.stacked(
            parts.a_graph(
                "VMs by kernel",
                "What a rollout of a kernel or an image has reached.",
                parts.over_time(kernels, "{{kernel}}"),
            )
        ).decimals(0),
        _table(
            "Kernels",
            "How many VMs run each kernel, for how many of those accelnet-check would say fail, "
            "and how many of their NICs are off their VF.",
            {"kernel": "Kernel", "Value #A": "VMs", "Value #B": "Fail", "Value #C": "NICs off"},
            kernels,
            f"sum by (kernel) ({of_fleet(VERDICTS, verdict='fail')})",
            f"sum by (kernel) ({of_fleet('fleet:accelnet_off_vf:sum')})",
        ),
        _table(
            "Distributions",
            "How many VMs run each release, and for how many accelnet-check would say fail.",
            {
                "distro": "Distribution",
                "distro_version": "Release",
                "Value #A": "VMs",
                "Value #B": "Fail",
            },
            f"count by (distro, distro_version) ({hosts})",
            f"count by (distro, distro_version) ({fails})",
        ),
    ]


def _table(title: str, answers: str, names: dict[str, str], every: str, *bad: str) -> Table:
    """How many, and how many of those are not well."""
    found = cells.columns(
        parts.a_table(
            title,
            answers,
            parts.rows(every),
            *(parts.rows(or_zero(expression, f"({every})")) for expression in bad),
        ),
        names,
        joined=True,
    )
    for name in list(names.values())[-len(bad) :]:
        found.override_by_name(name, cells.steps_on_cells((0, palette.GREY), (1, palette.BAD)))
    return cells.sorted_by(found, "VMs")


def _ready() -> Panels:
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


def _known() -> Panels:
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


def _agents() -> Panels:
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
