"""One VM: what was dropped, what each check says, and what the machine is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cells
import frame
import palette
import parts
import queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models import dashboard

    Panels = Sequence[Builder[dashboard.Panel]]

NIC: Final = "{{instance}} {{device}}"


def drops() -> Panels:
    """Packets that were not sent or not received, by reason."""
    return [
        parts.a_graph(
            "The VF refused to send",
            "Packets a second that the VF refused: vf_tx_dropped of hv_netvsc.",
            parts.over_time(queries.rate("accelnet_vf_transmit_dropped_total"), NIC),
        )
        .unit("pps")
        .color_scheme(palette.shades(palette.ORANGE))
        .span(8),
        parts.a_graph(
            "The synthetic NIC dropped",
            "Packets a second that hv_netvsc dropped, by its own counter.",
            parts.over_time(
                queries.rate("accelnet_synthetic_errors_total"), f"{NIC} {{{{reason}}}}"
            ),
        )
        .unit("pps")
        .color_scheme(palette.shades(palette.ORANGE))
        .span(8),
        parts.a_graph(
            "The VF's driver counted",
            "Drops and recoveries a second, by the driver's own counter. Reasons overlap: a packet "
            "may be counted under two, so that their sum means nothing.",
            parts.over_time(
                queries.rate("accelnet_vf_driver_errors_total"), f"{NIC} {{{{reason}}}}"
            ),
        )
        .unit("cps")
        .color_scheme(palette.shades(palette.ORANGE))
        .span(8),
    ]


def checks() -> Panels:
    """Each check's status, now and before, and the alerts."""
    found = cells.columns(
        parts.a_table(
            "Checks",
            "What each check finds now: first what is not known, then what fails, warns, passes. "
            "One that does not apply is skipped, and is not here. A check leads to its runbook.",
            parts.rows(f"sort_desc({queries.of_vm('accelnet_check_status')})"),
        ),
        {"Value": "Status", "check": "Check", "device": "Of", "instance": "VM"},
    )
    found.override_by_name("Status", cells.worded(palette.status_words()))
    found.override_by_name("Check", cells.linked(frame.link_to_runbook()))
    firing = cells.columns(
        parts.a_table(
            "Alerts",
            "Alerts about this VM that fire, or will if it goes on (pending). Empty: none, or "
            "the alerting rules are not loaded.",
            parts.rows(queries.of_vm("ALERTS", alertname="~Accelnet.+")),
        ),
        {
            "alertname": "Alert",
            "severity": "Severity",
            "alertstate": "State",
            "device": "Of",
            "check": "Check",
            "instance": "VM",
        },
    )
    firing.override_by_name("Alert", cells.linked(frame.link_to_alerts()))
    return [
        found.height(12),
        firing.height(12),
        parts.a_timeline(
            "Checks over time",
            "What each check found. No data where the agent was not scraped.",
            parts.over_time(
                queries.of_vm("accelnet_check_status"), "{{instance}} {{check}} {{device}}"
            ),
        )
        .mappings(palette.status_words())
        .height(16),
    ]


def host() -> Panels:
    """The machine, its NICs, and how observing it goes."""
    machine = cells.columns(
        parts.a_table(
            "Host",
            "The machine, and the accelnet that observes it.",
            parts.rows(queries.of_vm("accelnet_host_info")),
            parts.rows(queries.of_vm("accelnet_build_info")),
        ),
        {
            "instance": "VM",
            "vm_size": "VM size",
            "kernel": "Kernel",
            "distro": "Distribution",
            "distro_version": "Release",
            "version": "accelnet",
        },
        joined=True,
    )
    nics = cells.columns(
        parts.a_table(
            "NICs",
            "Each NIC with the VF that is paired with it; none is named where there is none.",
            parts.rows(queries.of_vm("accelnet_nic_info")),
            parts.rows(queries.of_vm("accelnet_nic_datapath") + " == 1"),
        ),
        {
            "instance": "VM",
            "device": "NIC",
            "state": "Data path",
            "vf": "VF",
            "vf_driver": "VF's driver",
            "family": "Family",
            "pci_address": "PCI address",
            "driver": "NIC's driver",
        },
        joined=True,
    )
    return [
        machine.height(6),
        nics.height(6),
        parts.a_timeline(
            "Probes",
            "Whether each part of the observation answered, in time and without a fault.",
            parts.over_time(queries.of_vm("accelnet_probe_success"), "{{instance}} {{probe}}"),
        )
        .mappings(palette.yes_or_no("answered", "failed"))
        .height(12)
        .span(12),
        parts.a_graph(
            "What an observation takes",
            "How long each probe took in the observation that was scraped, and the whole scrape.",
            parts.over_time(
                queries.of_vm("accelnet_probe_duration_seconds"), "{{instance}} {{probe}}"
            ),
            parts.over_time(
                queries.of_vm("scrape_duration_seconds"),
                "{{instance}} the whole scrape",
            ),
        )
        .unit("s")
        .height(12),
    ]
