"""What changed between two reports, as lines of the log: pure."""

from __future__ import annotations

from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from accelnet_agent.logs import Level
    from accelnet_agent.report import Report
    from accelnet_agent.tracker import Happening

LEVELS: dict[str, Level] = {
    "pass": "info",
    "skip": "info",
    "warn": "warning",
    "unknown": "warning",
    "fail": "error",
}
MOST = 20  # happenings of one observation that are told one by one


class Line(Record):
    """An event of the log with its facts."""

    level: Level
    event: str
    facts: dict[str, Any]


def of_reports(before: Report | None, after: Report) -> Iterator[Line]:
    """The verdict, the data paths and the findings that are others now."""
    if before is None or before.verdict != after.verdict:
        yield Line(
            level=LEVELS[after.verdict],
            event="verdict.changed",
            facts={"before": before.verdict if before is not None else None, "now": after.verdict},
        )
    paths = {} if before is None else {n.name: n.datapath.state for n in before.machine.nics}
    for nic in after.machine.nics:
        if paths.get(nic.name) != nic.datapath.state:
            yield Line(
                level="info",
                event="datapath.changed",
                facts={
                    "nic": nic.name,
                    "before": paths.get(nic.name),
                    "now": nic.datapath.state,
                    "why": nic.datapath.why,
                },
            )
    statuses = {} if before is None else {(f.check, f.subject): f.status for f in before.findings}
    for finding in after.findings:
        status = statuses.get((finding.check, finding.subject))
        # At the start and for new subjects only what is not well.
        if finding.status == status or (
            status in (None, "skip") and finding.status in ("pass", "skip")
        ):
            continue
        yield Line(
            level=LEVELS[finding.status],
            event="check.changed",
            facts={
                "check": finding.check,
                "subject": finding.subject,
                "before": status,
                "now": finding.status,
                "summary": finding.summary,
            },
        )


def of_happenings(happenings: Iterable[Happening]) -> Iterator[Line]:
    """What happened to VFs; a flood as one line."""
    told = tuple(happenings)
    for happening in told[:MOST]:
        yield Line(
            level="warning" if happening.kind in ("removed", "to-synthetic") else "info",
            event=f"vf.{happening.kind}",
            facts={
                "nic": happening.nic,
                "vf": happening.vf,
                "pci_address": happening.pci_address,
                "note": happening.note,
            },
        )
    if len(told) > MOST:
        yield Line(level="warning", event="vf.more", facts={"count": len(told) - MOST})
