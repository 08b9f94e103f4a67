"""After a move to a host with other hardware each NIC still has its VF.

A stop and start, a redeploy or a resize brings the VM to another host, whose VFs may
be of another generation (ConnectX-3, ConnectX-4 Lx and 5, MANA).  An image that
lacks a driver works until that day.  accelnet-agent remembers what each NIC had.
"""

from __future__ import annotations

from accelnet_agent.commands import do
from accelnet_agent.data import pci_ids
from accelnet_agent.findings import Check, passed, skipped, warned
from accelnet_probes.snapshot import known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Json, Judgement
    from accelnet_agent.machine import Machine, Nic


def judge(machine: Machine, nic: Nic) -> Judgement:
    if nic.direct:
        return skipped(f"{nic.name} is a direct NIC: it moves as a whole")
    move = need(machine.snapshot.watch).moves.get(nic.name)
    if move is None:
        return passed(f"{nic.name} has had VFs of one kind alone")
    before, after = family(move.before), family(move.after)
    evidence: dict[str, Json] = {
        "before": move.before,
        "after": move.after,
        "days_ago": round(move.age / 86400, 2),
    }
    if known(nic.vf) is not None or not nic.orphans:
        return passed(f"the VF of {nic.name} was {before} and became {after}", **evidence)
    return warned(
        f"the VM has moved from {before} to {after}, and {nic.orphans[0]} is not in use by "
        f"{nic.name}",
        remedy=do(
            "See vf-driver for what keeps it from being used.  So that the next move passes, "
            "see that the image has every driver:",
            "modinfo -F filename mlx4_en mlx5_core mana",
        ),
        **evidence,
    )


def family(ids: str) -> str:
    """ "ConnectX-4 Lx" of "15b3:1016"; the ids themselves where they are not known."""
    vendor, _, device = ids.partition(":")
    name, kind, _ = pci_ids.VFS.get((vendor, device), (ids, "unknown", ""))
    return name if kind == "unknown" else kind


CHECK = Check(
    id="hardware-moved",
    title="After a move to other hardware each NIC still has its VF",
    level="recommended",
    judge_nic=judge,
)
