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
WELL = ("pass", "skip")
MOST = 8  # happenings that are told one by one; a revocation has four


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
        # That something well was not asked this time is no change of state.
        well = status in (None, *WELL) and finding.status in WELL
        if well or finding.status == status:
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
    """What happened to VFs; a flood as one line a NIC."""
    told = tuple(happenings)
    if len(told) > MOST:
        for nic in dict.fromkeys(happening.nic for happening in told):
            of_nic = [happening for happening in told if happening.nic == nic]
            yield Line(
                level="warning",
                event="vf.flapping",
                facts={"nic": nic, "changes": len(of_nic), "last": of_nic[-1].kind},
            )
        return
    for happening in told:
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
