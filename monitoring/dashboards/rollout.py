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
import rollout_tables
from queries import of_fleet, or_zero

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.builders.stat import Panel as Stat
    from grafana_foundation_sdk.builders.table import Panel as Table
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models import dashboard

    Panels = Sequence[Builder[dashboard.Panel]]

BUILDS: Final = "fleet:accelnet_build_info:count"
VERDICTS: Final = "fleet:accelnet_verdict:count"


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
            ("Ready for the next host", rollout_tables.ready()),
            ("Kernels with a known fault", rollout_tables.known()),
            ("Agents and probes", rollout_tables.agents()),
        ],
    )


def _now() -> Panels:
    builds = queries.select(BUILDS, queries.CHOSEN)
    return [
        parts.a_count(
            "VMs that report",
            "How many VMs accelnet has observed.",
            f"sum({builds})",
        ).thresholds(palette.thresholds((0, palette.GOOD))),
        parts.a_count(
            "Versions of accelnet",
            "More than one: a rollout is under way, or has stopped on its way.",
            f"count(count by (version) ({builds}))",
        ).thresholds(palette.thresholds((0, palette.GOOD), (2, palette.WARN))),
        _warned(
            "Not ready for the next host",
            "VMs that lack a driver which the VFs of some Azure hosts need: after a stop and "
            "start, a resize or a redeployment they may go by the synthetic path.",
            rollout_tables.READY,
        ),
        _warned(
            "With a known fault",
            "VMs whose kernel or driver is known to break accelerated networking.",
            rollout_tables.KNOWN,
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
            f"count by (distro, distro_version) ({queries.hosts()})",
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
