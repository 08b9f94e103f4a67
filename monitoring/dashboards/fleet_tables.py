"""The fleet's tables: what those off their VF have in common, the worst of them, and alerts."""

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

    from grafana_foundation_sdk.builders.table import Panel as Table
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models import dashboard

    Panels = Sequence[Builder[dashboard.Panel]]

NO_LABEL: Final = "not labelled"
OFF, JUDGED = "fleet:accelnet_off_vf:sum", "fleet:accelnet_off_vf:count"
NIC_OFF: Final = queries.select("nic:accelnet_off_vf:bool", queries.CHOSEN)
ROWS: Final = 50
OFF_OR_NOT: Final = {0: ("by the VF", palette.GOOD), 1: ("off the VF", palette.BAD)}


def share_of_bytes(way: str) -> str:
    """What goes by VFs, of all that the fleet sends or receives."""
    by = of_fleet(f"fleet:accelnet_vf_{way}_bytes:rate5m")
    every = of_fleet(f"fleet:accelnet_{way}_bytes:rate5m")
    return f"sum({by}) / (sum({every}) > 0)"


def alerts(**labels: str) -> str:
    """Alerts of accelnet that fire."""
    chosen = {"alertname": "~Accelnet.+", "alertstate": "firing"}
    return queries.select("ALERTS", queries.CHOSEN, chosen, labels)


def who() -> Panels:
    """One table a label that the fleet's records have, and one by the VF's hardware."""
    return [
        *(
            _off(
                f"By {title}",
                f"NICs that should go by a VF, and those of them that do not, by {title}. {more}",
                f"sum by ({label}) ({of_fleet(JUDGED)})",
                f"sum by ({label}) ({of_fleet(OFF)})",
                {label: title[0].upper() + title[1:]},
            )
            for label, title, more in (
                (
                    "vm_size",
                    "VM size",
                    "A size may not be known: where the VM can not reach its metadata.",
                ),
                ("kernel", "kernel", "A kernel that stands out was rolled out too early."),
                (
                    "region",
                    "region",
                    "It is a label that the scrape configuration may give to targets.",
                ),
            )
        ),
        _by_hardware(),
    ]


def _off(title: str, answers: str, every: str, off: str, names: dict[str, str]) -> Table:
    off = or_zero(f"({off})", f"({every})")
    shares = f"({off}) / ({every})"
    first = next(iter(names))
    found = cells.columns(
        parts.a_table(
            title,
            answers,
            *(parts.rows(queries.named(it, first, NO_LABEL)) for it in (every, off, shares)),
        ),
        {**names, "Value #A": "NICs", "Value #B": "Off", "Value #C": "Share off"},
        joined=True,
    )
    found.override_by_name("Off", cells.steps_on_cells((0, palette.GOOD), (1, palette.WARN)))
    found.override_by_name("Share off", cells.in_unit("percentunit", 2))
    return cells.sorted_by(found, "Off")


def _by_hardware() -> Table:
    info = queries.select("accelnet_nic_info", queries.CHOSEN, family="~.+")
    recent = f"last_over_time({info}[15m])"
    besides = "driver, vf, vf_driver, pci_address, family"
    every, off = (
        f"count by (family, vf_driver) ({recent} and ignoring ({besides}) ({NIC_OFF} {what}))"
        for what in (">= 0", "== 1")
    )
    return _off(
        "By the VF's hardware and driver",
        "NICs that should go by a VF, and those of them that do not, by the hardware that each had "
        "within 15 minutes. One whose VF left before that has none, and is not here. A NIC that is "
        "a VF itself has no driver of a VF.",
        every,
        off,
        {"family": "Family", "vf_driver": "Driver"},
    )


def worst() -> Panels:
    """Which NICs were past their VF for the longest within an hour, and which alerts fire."""
    seconds = queries.select("nic:accelnet_synthetic_seconds:rate5m", queries.CHOSEN)
    packets = queries.select("nic:accelnet_transmit_packets:rate5m", queries.CHOSEN)
    ratio = queries.select("nic:accelnet_vf_transmit_packets:ratio_rate5m", queries.CHOSEN)
    lately = f"(3600 * avg_over_time({seconds}[1h]) and {NIC_OFF}) > 0"
    longest = f"topk({ROWS}, {queries.with_host(lately, 'device', 'kernel', 'vm_size')})"
    of_them = f"and ignoring (kernel, vm_size) {longest}"
    state = queries.select("accelnet_nic_datapath", queries.CHOSEN)
    found = cells.columns(
        parts.a_table(
            "NICs that were longest on the synthetic path",
            f"Within the last hour, the first {ROWS}, of the NICs that should go by a VF. Look "
            "first at those that are still off it, and send much.",
            parts.rows(longest),
            parts.rows(f"{NIC_OFF} {of_them}"),
            parts.rows(or_zero(f"((1 - {ratio}) * {packets} {of_them})", f"({NIC_OFF} {of_them})")),
            parts.rows(f"{state} == 1 and ignoring (state, kernel, vm_size) {longest}"),
        ),
        {
            "instance": "VM",
            "device": "NIC",
            "Value #B": "Now",
            "state": "Data path",
            "Value #A": "On the synthetic path, last hour",
            "Value #C": "Packets sent past the VF",
            "vm_size": "VM size",
            "kernel": "Kernel",
            "region": "Region",
        },
        joined=True,
    )
    found.override_by_name("VM", cells.linked(frame.link_to_vm()))
    found.override_by_name("Now", cells.worded(palette.mappings(OFF_OR_NOT)))
    found.override_by_name("Data path", cells.worded(palette.state_names()))
    found.override_by_name("On the synthetic path, last hour", cells.in_unit("s", 0))
    found.override_by_name("Packets sent past the VF", cells.in_unit("pps", 1))
    return [found.span(24).height(11), *_firing()]


def _firing() -> Panels:
    counts = cells.columns(
        parts.a_table(
            "Alerts that fire",
            "How many of each. Empty: none, or the alerting rules are not loaded.",
            parts.rows(f"sort_desc(count by (alertname, severity) ({alerts()}))"),
        ),
        {"alertname": "Alert", "severity": "Severity", "Value": "Firing"},
    )
    counts.override_by_name("Alert", cells.linked(frame.link_to_alerts()))
    critical = cells.columns(
        parts.a_table(
            "Critical alerts",
            f"Up to {ROWS} of them, with the VM that each is about, if it is about one.",
            parts.rows(f"topk({ROWS}, {alerts(severity='critical')})"),
        ),
        {"alertname": "Alert", "instance": "VM", "device": "NIC", "region": "Region"},
    )
    critical.override_by_name("Alert", cells.linked(frame.link_to_alerts()))
    critical.override_by_name("VM", cells.linked(frame.link_to_vm()))
    return [counts.span(8), critical.span(16)]


def checks() -> Panels:
    """How often each check found what."""
    statuses = ("fail", "warn", "unknown", "pass")
    found = cells.columns(
        parts.a_table(
            "Checks",
            "How many NICs, VFs or VMs each check passed, warned of, failed, or could not judge. "
            "Not by VM size. A check leads to its runbook.",
            *(parts.rows(_subjects(status)) for status in statuses),
        ),
        {
            "check": "Check",
            **{f"Value #{letter}": status for letter, status in zip("ABCD", statuses, strict=True)},
        },
        joined=True,
    )
    for status, colour in palette.STATUSES.values():
        if status != "pass":
            found.override_by_name(status, cells.steps_on_cells((0, palette.GREY), (1, colour)))
    found.override_by_name("Check", cells.linked(frame.link_to_runbook()))
    return [cells.sorted_by(found, "fail").span(24).height(12)]


def _subjects(status: str) -> str:
    counts = "fleet:accelnet_check_status:count"
    every = f"sum by (check) ({queries.select(counts, queries.CHOSEN)})"
    those = f"sum by (check) ({queries.select(counts, queries.CHOSEN, status=status)})"
    return or_zero(those, every)
