"""The fleet: how many are off their VF, what those have in common, and which are the worst.

By recording rules, but for tables of the last moment: 10,000 VMs stay cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cells
import fleet_tables
import frame
import palette
import parts
import queries
from queries import of_fleet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grafana_foundation_sdk.builders.timeseries import Panel as Graph
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models import dashboard

    Panels = Sequence[Builder[dashboard.Panel]]

VERDICTS: Final = "fleet:accelnet_verdict:count"
OFF, JUDGED = "fleet:accelnet_off_vf:sum", "fleet:accelnet_off_vf:count"


def build() -> dashboard.Dashboard:
    """The dashboard."""
    return frame.a_dashboard(
        frame.FLEET,
        "accelnet / Fleet",
        "All VMs: who is off the VF, since when, and what those have in common.",
        [*frame.choices_of_fleet(), frame.runbooks()],
        [
            ("Now", [*_verdicts(), *_now()]),
            ("Over time", _over_time()),
            ("Who is off the VF", fleet_tables.who()),
            ("The worst, and what fires", fleet_tables.worst()),
            ("What each check finds", fleet_tables.checks()),
        ],
    )


def _verdicts() -> Panels:
    every = f"sum({of_fleet(VERDICTS)})"
    bad = {status: colour for status, colour in palette.STATUSES.values() if status != "pass"}
    panel = parts.a_stat(
        "VMs by verdict",
        "How many VMs report, and for how many of them accelnet-check would say warn, fail or "
        "unknown. No data: no VM reports, or the recording rules are not loaded.",
        parts.now(every, "VMs"),
        *(
            parts.now(queries.or_zero(f"sum({of_fleet(VERDICTS, verdict=status)})", every), status)
            for status in bad
        ),
    ).thresholds(palette.thresholds((0, palette.GOOD)))
    for status, colour in bad.items():
        panel.override_by_name(status, cells.steps((0, palette.GOOD), (1, colour)))
    return [panel.span(8)]


def _now() -> Panels:
    return [
        parts.a_count(
            "NICs off their VF",
            "NICs that send past a VF that they have, had, or should have. One that may be without "
            "(no VF, and none expected) is not judged.",
            f"sum({of_fleet(OFF)})",
        ).span(3),
        parts.a_stat(
            "Share off",
            "Of the NICs that should go by a VF, those that do not. From 5 % on an alert tells of "
            "the fleet instead of each VM.",
            parts.now(f"sum({of_fleet(OFF)}) / sum({of_fleet(JUDGED)})"),
        )
        .unit("percentunit")
        .decimals(2)
        .thresholds(
            palette.thresholds((0, palette.GOOD), (1e-9, palette.WARN), (0.05, palette.BAD))
        )
        .span(3),
        parts.a_stat(
            "Bytes sent by VFs",
            "The share of all bytes that the fleet sends which goes by VFs.",
            parts.now(fleet_tables.share_of_bytes("transmit")),
        )
        .unit("percentunit")
        .decimals(2)
        .thresholds(
            palette.thresholds((0, palette.BAD), (0.95, palette.WARN), (0.99, palette.GOOD))
        )
        .span(4),
        parts.a_count(
            "Agents down",
            "Targets of the jobs accelnet-agent… whose last scrape failed: nobody sees where their "
            "packets go.",
            f"sum({queries.agents_up()} == bool 0)",
        ).span(3),
        parts.a_count(
            "Alerts",
            "Of severity critical or warning. 0 where the alerting rules are not loaded, too.",
            queries.or_zero(
                f"count({fleet_tables.alerts(severity='~critical|warning')})",
                f"sum({of_fleet(VERDICTS)})",
            ),
        ).span(3),
    ]


def _over_time() -> Panels:
    states = {name: (word, colour) for name, (_, word, colour) in palette.STATES.items()}
    statuses = {name: (name, colour) for name, colour in palette.STATUSES.values()}
    by, every = (
        f"sum({of_fleet(f'fleet:accelnet_{what}_bytes:rate5m')})"
        for what in ("vf_transmit", "transmit")
    )
    return [
        _parts_of_a_whole(
            "NICs by data path",
            "Where the packets of each NIC go. Those without a VF include NICs that need none.",
            f"sum by (state) ({of_fleet('fleet:accelnet_nics:count')})",
            "state",
            states,
        ),
        _parts_of_a_whole(
            "VMs by verdict, over time",
            "What accelnet-check would say of each VM. What falls as a whole no longer reports.",
            f"sum by (verdict) ({of_fleet(VERDICTS)})",
            "verdict",
            statuses,
        ),
        parts.bounded(
            parts.a_graph(
                "Share of NICs off their VF, by region",
                "Of the NICs that should go by a VF. One region alone: look at the platform. All: "
                "at what was rolled out. Above the line an alert tells of the fleet.",
                parts.over_time(
                    queries.named(
                        f"sum by (region) ({of_fleet(OFF)}) / sum by (region) ({of_fleet(JUDGED)})",
                        "region",
                        fleet_tables.NO_LABEL,
                    ),
                    "{{region}}",
                ),
            ),
            0.05,
            palette.VERMILLION,
        )
        .unit("percentunit")
        .axis_soft_max(0.05),
        parts.a_graph(
            "NICs on the synthetic path, on average",
            "Seconds on the synthetic path in a second, of all NICs that should go by a VF: it "
            "counts VFs that are away for less than a scrape, as in servicing, too.",
            parts.over_time(f"sum({of_fleet('fleet:accelnet_synthetic_seconds:rate5m')})", "NICs"),
        )
        .color_scheme(palette.fixed(palette.ORANGE))
        .unit("short"),
        parts.stacked(
            parts.coloured(
                parts.a_graph(
                    "Bytes sent, by path",
                    "By VFs and past them, over VMBus. Each is in one of them: the height is what "
                    "the fleet sends.",
                    parts.over_time(by, "by the VF"),
                    parts.over_time(f"{every} - {by}", "past the VF"),
                ),
                {"by the VF": palette.BLUE, "past the VF": palette.ORANGE},
            ).unit("Bps")
        ),
        parts.coloured(
            parts.a_graph(
                "Share of bytes by VFs",
                "Sent: near 1 in a healthy fleet. Received: somewhat less, since SYN packets and "
                "broadcasts always arrive by the synthetic path.",
                *(
                    parts.over_time(fleet_tables.share_of_bytes(way), word)
                    for way, word in (("transmit", "sent"), ("receive", "received"))
                ),
            ),
            {"sent": palette.BLUE, "received": palette.SKY},
        )
        .unit("percentunit")
        .max(1),
    ]


def _parts_of_a_whole(
    title: str,
    answers: str,
    expression: str,
    label: str,
    words: Mapping[str, tuple[str, str]],
) -> Graph:
    """Stacked, each value of the label under its word, in its colour."""
    panel = parts.a_graph(title, answers, parts.over_time(expression, f"{{{{{label}}}}}"))
    for name, (word, colour) in words.items():
        panel.override_by_name(name, cells.shown_as(word, colour))
    return parts.stacked(panel).decimals(0)
