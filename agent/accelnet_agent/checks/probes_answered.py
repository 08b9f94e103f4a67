"""Every probe answered in time.

An ioctl that never returns is a finding of its own: the kernel's rtnl lock is
stuck, and `ip` and `ethtool` hang as well.
"""

from __future__ import annotations

from accelnet_agent.commands import do
from accelnet_agent.data import remedies
from accelnet_agent.findings import Check, failed, passed, unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Judgement
    from accelnet_agent.machine import Machine


def judge(machine: Machine) -> Judgement:
    silent = {run.name: run.why for run in machine.snapshot.probes if run.why is not None}
    late = {run.name: run.why for run in machine.snapshot.probes if run.late}
    if not silent:
        return passed(f"all {len(machine.snapshot.probes)} probes answered")
    if not late:
        return unknown(
            f"a bug in accelnet: {' and '.join(silent)} failed",
            remedy=do("Please report it with a recording:", remedies.SUPPORT),
            **silent,
        )
    hung = [event.line for event in machine.events if event.kind in ("hung-task", "soft-lockup")]
    told = {"kernel_log": hung[-3:]} if hung else {}
    return failed(
        f"{' and '.join(late)}: {next(iter(late.values()))}",
        remedy=do(
            "Look for hung tasks; where the rtnl lock is stuck only a reboot helps, into the "
            "distribution's newest kernel:",
            "sudo dmesg | grep 'blocked for more than'",
        ),
        **late,
        **told,
    )


CHECK = Check(
    id="probes-answered",
    title="Every probe answered in time",
    level="required",
    judge_host=judge,
    each_time=True,
)
