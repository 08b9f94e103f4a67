"""Every probe answered in time.

An ioctl that never returns is a finding of its own: the kernel's rtnl lock is
stuck, and `ip` and `ethtool` hang as well.
"""

from __future__ import annotations

from accelnet_agent.commands import do
from accelnet_agent.findings import Check, failed, passed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Judgement
    from accelnet_agent.machine import Machine


def judge(machine: Machine) -> Judgement:
    late = {run.name: run.why for run in machine.snapshot.probes if run.why is not None}
    if not late:
        return passed(f"all {len(machine.snapshot.probes)} probes answered")
    return failed(
        f"{' and '.join(late)}: {next(iter(late.values()))}",
        remedy=do(
            "Look for hung tasks; where the rtnl lock is stuck only a reboot helps, into the "
            "distribution's newest kernel:",
            "sudo dmesg | grep 'blocked for more than'",
        ),
        **late,
    )


CHECK = Check(
    id="probes-answered", title="Every probe answered in time", level="required", judge_host=judge
)
