"""What changed between two reports, as lines of the log: pure."""

from __future__ import annotations

from accelnet_agent.summary import WORST_FIRST
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from accelnet_agent.findings import Finding
    from accelnet_agent.logs import Level
    from accelnet_agent.report import Report
    from accelnet_agent.tracks import Happening

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
    yield from _of_paths(before, after)
    yield from _of_findings(before, after)


def _of_paths(before: Report | None, after: Report) -> Iterator[Line]:
    paths = {} if before is None else {nic.name: nic.datapath for nic in before.machine.nics}
    found = {nic.name: nic.datapath for nic in after.machine.nics}
    for name in dict.fromkeys((*found, *paths)):
        was, now = paths.get(name), found.get(name)
        if was is not None and now is not None and was.state == now.state:
            continue
        yield Line(
            level="info",
            event="datapath.changed",
            facts={
                "nic": name,
                "before": was.state if was is not None else None,
                "now": now.state if now is not None else None,
                "why": now.why if now is not None else f"{name} is not there any more",
            },
        )


def _of_findings(before: Report | None, after: Report) -> Iterator[Line]:
    statuses = {} if before is None else _worst(before)
    found = _worst(after)
    for key in dict.fromkeys((*found, *statuses)):
        was, now = statuses.get(key), found.get(key)
        before_it, after_it = was and was.status, now and now.status
        # That something well was not asked this time is no change of state.
        well = before_it in (None, *WELL) and after_it in (None, *WELL)
        if well or before_it == after_it:
            continue
        yield Line(
            level=LEVELS[after_it or "pass"],
            event="check.changed",
            facts={
                "check": key[0],
                "subject": key[1],
                "before": before_it,
                "now": after_it,
                "summary": now.summary if now is not None else f"{key[1]} is not there any more",
            },
        )


def _worst(report: Report) -> dict[tuple[str, str], Finding]:
    """Of each check on each subject; where it has said two things of one, the worst."""
    found: dict[tuple[str, str], Finding] = {}
    for finding in report.findings:
        key = (finding.check, finding.subject)
        found[key] = min(found.get(key, finding), finding, key=_rank)
    return found


def _rank(finding: Finding) -> int:
    return WORST_FIRST.index(finding.status)


def of_happenings(happenings: Iterable[Happening]) -> Iterator[Line]:
    """What happened to VFs; a flood as one line a NIC."""
    told = tuple(happenings)
    if sum(happening.times for happening in told) > MOST:
        for nic in dict.fromkeys(happening.nic for happening in told):
            of_nic = [happening for happening in told if happening.nic == nic]
            count = sum(happening.times for happening in of_nic)
            yield Line(
                level="warning",
                event="vf.flapping",
                facts={"nic": nic, "changes": count, "last": of_nic[-1].kind},
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
                "times": happening.times if happening.times > 1 else None,
                "note": happening.note,
            },
        )
