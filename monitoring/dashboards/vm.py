"""One VM: where its packets go, since when, and what is wrong if not by the VF.

By the agent's own series, so that it works without recording rules, and as finely as it is
scraped.  What it says of findings, and of the machine, is in vm_findings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.models.common import BigValueColorMode

import frame
import palette
import parts
import queries
import vm_findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.builders.timeseries import Panel as Graph
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models import dashboard

    Panels = Sequence[Builder[dashboard.Panel]]

NIC: Final = "{{instance}} {{device}}"
BY, PAST = "by the VF", "past the VF"
PATHS: Final = {BY: palette.BLUE, PAST: palette.ORANGE}
LAST_SWITCH: Final = "accelnet_last_datapath_switch_timestamp_seconds"


def build() -> dashboard.Dashboard:
    """The dashboard."""
    return frame.a_dashboard(
        frame.VM,
        "accelnet / VM",
        "One VM (or a few): does its traffic really go by the VF, and what is wrong if not.",
        _choices(),
        [
            ("Now", _now()),
            ("Traffic", _traffic()),
            ("Data path", _data_path()),
            ("Drops and errors", vm_findings.drops()),
            ("Checks and alerts", vm_findings.checks()),
            ("Host, NICs and probes", vm_findings.host()),
        ],
        [
            frame.switches(
                "To the synthetic path",
                queries.switched("synthetic"),
                "{{instance}} {{device}}: the data path left the VF",
                palette.WARN,
            ),
            frame.switches(
                "To the VF",
                queries.switched("vf"),
                "{{instance}} {{device}}: the data path is the VF",
                palette.GOOD,
            ),
        ],
    )


def _choices() -> Sequence[Builder[dashboard.VariableModel]]:
    return [
        frame.data_source(),
        frame.choice("job", "Job", "label_values(accelnet_build_info, job)", frame.JOB),
        frame.choice(
            "region",
            "Region",
            'label_values(accelnet_build_info{job=~"$job"}, region)',
            frame.REGION,
        ),
        frame.choice(
            "vm_size",
            "VM size",
            'label_values(accelnet_host_info{job=~"$job",region=~"$region"}, vm_size)',
            "Narrows the list of VMs.",
        ),
        frame.choice_of_vms(
            "instance",
            "VM",
            "label_values("
            'accelnet_host_info{job=~"$job",region=~"$region",vm_size=~"$vm_size"}, instance)',
            "The VM's agent, by its address.",
        ),
        frame.runbooks(),
    ]


def _now() -> Panels:
    by, past = (f"accelnet_{path}_transmit_bytes_total" for path in ("vf", "synthetic"))
    return [
        parts.a_stat(
            "Verdict",
            "What accelnet-check would say of this VM.",
            parts.now(queries.of_vm("accelnet_verdict"), "{{instance}}"),
        )
        .mappings(palette.status_words())
        .span(3),
        parts.a_stat(
            "Data path now",
            "Where the packets of each NIC go now.",
            parts.now(queries.state(), NIC),
        )
        .mappings(palette.state_words())
        .span(5),
        parts.a_stat(
            "Sent by the VF",
            "The share of the bytes sent in this time range that went by the VF. No data: nothing "
            "was sent. Transmit decides: some packets always arrive by the synthetic path.",
            parts.now(queries.share(queries.increase(by), queries.increase(past)), NIC),
        )
        .unit("percentunit")
        .decimals(1)
        .thresholds(
            palette.thresholds((0, palette.BAD), (0.5, palette.WARN), (0.99, palette.GOOD))
        ),
        parts.a_stat(
            "On the synthetic path",
            "For how long, in this time range, the packets of each NIC went by VMBus while the "
            "agent watched. Servicing of the Azure host takes a VF for some 30 s.",
            parts.now(queries.increase("accelnet_synthetic_seconds_total"), NIC),
        )
        .unit("s")
        .thresholds(palette.none_is_good(60, 300))
        .span(3),
        parts.a_stat(
            "VF taken",
            "How often the VF of each NIC left it in this time range.",
            parts.now(queries.increase("accelnet_vf_events_total", event="removed"), NIC),
        )
        .decimals(0)
        .thresholds(palette.none_is_good(1, 5))
        .span(3),
        parts.a_stat(
            "Last switch",
            "When the data path was last seen to switch. No data: never, while an agent watched.",
            parts.now(f"1000 * {queries.of_vm(LAST_SWITCH)}", NIC),
        )
        .unit("dateTimeFromNow")
        .color_mode(BigValueColorMode.NONE)
        .span(3),
        parts.a_stat(
            "Agent",
            "Whether Prometheus' last scrape of the agent succeeded. If not, nobody sees where "
            "the packets go, and what else stands here is old.",
            parts.now(queries.of_vm("up"), "{{instance}}"),
        )
        .mappings(palette.yes_or_no("answers", "down"))
        .span(3),
    ]


def _traffic() -> Panels:
    return [
        *(_by_path(way, unit) for unit in ("bytes", "packets") for way in ("transmit", "receive")),
        parts.a_graph(
            "Share of bytes sent by the VF",
            "1 on a healthy VM. A gap: nothing was sent.",
            parts.over_time(
                queries.share(
                    queries.rate("accelnet_vf_transmit_bytes_total"),
                    queries.rate("accelnet_synthetic_transmit_bytes_total"),
                ),
                NIC,
            ),
        )
        .unit("percentunit")
        .max(1)
        .span(24),
    ]


def _by_path(way: str, unit: str) -> Graph:
    what = "sent" if way == "transmit" else "received"
    more = (
        "On a healthy VM next to nothing goes past the VF."
        if way == "transmit"
        else "SYN packets and broadcasts arrive by the synthetic path on a healthy VM too."
    )
    panel = parts.a_graph(
        f"{unit.capitalize()} {what}",
        f"{unit.capitalize()} {what} a second, by the VF and past it, over VMBus. Each packet is "
        f"in one of them, so that the height is what the NIC {what}: the VF's own counters and "
        f"eth0's total would count it twice. {more}",
        parts.over_time(queries.rate(f"accelnet_vf_{way}_{unit}_total"), f"{NIC} {BY}"),
        parts.over_time(queries.rate(f"accelnet_synthetic_{way}_{unit}_total"), f"{NIC} {PAST}"),
    ).unit("Bps" if unit == "bytes" else "pps")
    return parts.stacked(parts.coloured(panel, PATHS))


def _data_path() -> Panels:
    return [
        parts.a_timeline(
            "Data path",
            "Where the packets of each NIC went. What is shorter than a step of this panel may "
            "not show: the marks and the panels below tell of every switch.",
            parts.over_time(queries.state(), NIC),
        ).mappings(palette.state_words()),
        parts.coloured(
            parts.as_bars(
                parts.a_graph(
                    "Switches of the data path",
                    "How often the data path switched, by the VF's going up and down. Boot makes "
                    "two or three.",
                    parts.over_time(
                        queries.growth("accelnet_datapath_switches_total"),
                        f"{NIC} to {{{{to}}}}",
                    ),
                )
            ),
            {"vf": palette.BLUE, "synthetic": palette.ORANGE},
        ).span(8),
        parts.coloured(
            parts.as_bars(
                parts.a_graph(
                    "VFs that came and went",
                    "VFs that were added to each NIC and removed from it. Each servicing of the "
                    "Azure host removes and adds one; five within an hour are trouble.",
                    parts.over_time(
                        queries.growth("accelnet_vf_events_total"),
                        f"{NIC} {{{{event}}}}",
                    ),
                )
            ),
            {"added": palette.BLUE, "removed": palette.ORANGE},
        ).span(8),
        parts.a_graph(
            "Time on the synthetic path",
            "The share of time in which packets went by VMBus: 1 is all the time.",
            parts.over_time(queries.rate("accelnet_synthetic_seconds_total"), NIC),
        )
        .unit("percentunit")
        .max(1)
        .span(8),
    ]
