"""A VF that the host took has come back.

By the kernel log: "VF slot N removed" or "VF unregistering" with nothing after
it that says that a VF came.  Host servicing gives it back within minutes.
"""

from __future__ import annotations

from accelnet_agent.checks.vf_expected import departure
from accelnet_agent.data import remedies
from accelnet_agent.findings import Check, passed, skipped, warned
from accelnet_probes.snapshot import need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Judgement
    from accelnet_agent.machine import Machine, Nic
    from accelnet_probes.snapshot import LogEvent


def judge(machine: Machine, nic: Nic) -> Judgement:
    if nic.direct:
        return skipped(f"{nic.name} is a direct NIC: it leaves as a whole")
    vf = need(nic.vf)
    if vf is not None:
        return passed(f"{vf.name} is here")
    if machine.expect == "off":
        return skipped(f"no VF of {nic.name} is expected")
    need(machine.witness)
    left = departure(machine, nic)
    if left is None:
        return skipped("nothing shows a VF that left")
    if machine.is_recent(left):
        return warned(
            f"the VF of {nic.name} left {left.age:.0f} s ago: the host may be in servicing",
            remedy=remedies.WAIT,
            line=left.line,
        )
    return warned(
        f"the VF of {nic.name} left {_when(left)} and has not come back",
        remedy=remedies.REDEPLOY,
        line=left.line,
    )


def _when(left: LogEvent) -> str:
    if left.age is not None:
        return f"{left.age / 60:.0f} minutes ago"
    return f"at least {left.min_age:.0f} s ago" if left.min_age else "(the log does not say when)"


CHECK = Check(
    id="vf-missing",
    title="A VF that left has come back",
    level="recommended",
    judge_nic=judge,
)
