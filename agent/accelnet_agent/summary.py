"""What every reader says in one line: why the verdict, and how much goes by the VF."""

from __future__ import annotations

from accelnet_agent.datapath import last_statistics, link_of, queue_counters
from accelnet_agent.findings import SKIPPED
from accelnet_probes.record import Record
from accelnet_probes.snapshot import known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Finding
    from accelnet_agent.machine import Nic
    from accelnet_agent.report import Report

WORST_FIRST = ("fail", "unknown", "warn", "pass", "skip")
PROVEN = "accelerated networking works"
UNPROVEN = "accelerated networking is in place; no traffic has proven it"
AS_EXPECTED = "no VF is in use, as expected"
CHECKED = "what was checked is as it should be; other checks were skipped"
IMAGE = "release and kernel are as they should be; the rest is judged on the running VM"
NO_REASON = "no VF is in use, and the checks that would say why were skipped"


def leading(report: Report) -> list[Finding]:
    """The findings that make the verdict, the required ones first; none for a pass."""
    if report.verdict == "pass":
        return []
    worst = (finding for finding in report.findings if finding.status == report.verdict)
    return sorted(worst, key=lambda finding: finding.level != "required")


def reason(report: Report) -> str:
    """The verdict's reason, in the words of its worst finding."""
    if report.verdict == "pass":
        return _passed(report)
    worst = leading(report)
    if not worst:
        return NO_REASON
    more = f" (and {len(worst) - 1} more)" if len(worst) > 1 else ""
    return f"{worst[0].summary}{more}"


def _passed(report: Report) -> str:
    machine = report.machine
    if any(finding.summary == SKIPPED for finding in report.findings):
        return CHECKED
    paths = [nic.datapath for nic in machine.nics]
    if machine.snapshot.source == "root" and not paths:
        return IMAGE
    if not any(path.state in ("vf", "direct") for path in paths):
        return AS_EXPECTED
    return PROVEN if any(p.proven or p.state == "direct" for p in paths) else UNPROVEN


def is_red(finding: Finding) -> bool:
    """It decides that a pipeline must stop: a required check failed, or could not be made.

    One that is only recommended and could not be made decides nothing.
    """
    return finding.level == "required" and finding.status in ("fail", "unknown")


def is_unsaid(report: Report) -> bool:
    """The verdict is unknown and no finding says so: those that would were skipped."""
    return report.verdict == "unknown" and not any(map(is_red, report.findings))


class Share(Record):
    """How many packets were sent by the VF, and how many past it."""

    by_vf: int
    past: int
    seconds: float | None  # of the window; None: since boot

    @property
    def percent(self) -> float:
        """Never 100 or 0 where it is not quite so."""
        if not self.by_vf or not self.past:
            return 100.0 if self.by_vf else 0.0
        return min(max(100 * self.by_vf / (self.by_vf + self.past), 0.1), 99.9)


def percent(part: int, rest: int) -> str:
    """Never 100 % or 0 % where it is not quite so."""
    share = Share(by_vf=part, past=rest, seconds=None).percent
    return f"{share:.1f} %" if part and rest else f"{share:.0f} %"


def share_of(nic: Nic) -> Share | None:
    """How much of what was sent went by the VF: in the window, else since boot."""
    vf = known(nic.vf)
    if nic.direct or (vf is not None and link_of(vf) in ("down", "no-carrier")):
        return None  # nothing can go by it, whatever was counted
    if nic.window is not None:
        sent = nic.window.growth["vf_tx_packets"]
        past = nic.window.growth["synthetic_tx_packets"]
        if sent is not None and past is not None and sent + past:
            return Share(by_vf=sent, past=past, seconds=nic.window.seconds)
    statistics = last_statistics(nic.netdev)
    sent = statistics.get("vf_tx_packets")
    queues = queue_counters(statistics, "tx_queue_", "_packets")
    past = sum(statistics[name] for name in queues)
    if sent is None or not queues or not sent + past:
        return None
    return Share(by_vf=sent, past=past, seconds=None)
