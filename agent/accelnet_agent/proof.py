"""What packets that were sent on purpose prove (`--active-proof`).

Who asked for proof is not content with "idle": a data path passes only where the
counters grew by what was sent.
"""

from __future__ import annotations

from accelnet_agent.datapath import DataPath, grown, queue_counters
from accelnet_probes.snapshot import Gap, Sent, known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnet_agent.datapath import Window
    from accelnet_agent.findings import Json
    from accelnet_probes.snapshot import Netdev, Observed, Snapshot


def sent_by(snapshot: Snapshot, name: str) -> Observed[Sent]:
    """What one NIC was given to send; it may have come after the others were."""
    if isinstance(snapshot.sent, Gap):
        return snapshot.sent
    return snapshot.sent.get(name) or Gap(asked=True, why="it was not seen in time")


def demanded(
    path: DataPath, name: str, vf: Observed[Netdev | None], window: Window | None, sent: Sent
) -> DataPath:
    """The data path of a pair: where packets were sent it is never idle."""
    vf = known(vf)
    if path.state != "vf" or not sent.packets or vf is None:
        return path
    growth: Mapping[str, int | None] = window.growth if window is not None else {}
    through, past = growth.get("vf_tx_packets"), growth.get("synthetic_tx_packets")
    if through is not None and through >= sent.packets:
        return path
    told = f"{name} was given {sent.packets} packets to send"
    if through is None:
        why = f"{told}, and vf_tx_packets could not be compared"
    elif not through and not past:
        why = f"{told}, and neither path counted any"
    else:
        why = f"{told}: {vf.name} sent {through}, and {past or 0} went past it"
    if dropped := growth.get("vf_tx_dropped"):
        why += f"; {vf.name} refused {dropped} (vf_tx_dropped)"
    return DataPath(state="unknown", why=why, witnesses=path.witnesses)


def own_growth(netdev: Netdev) -> int | None:
    """How many packets a direct NIC sent in the window, by its driver's count.

    mlx4_en and mlx5e have `tx_packets`, mana only a count for each queue, `tx_0_packets`.
    """
    if len(netdev.samples) < 2:
        return None
    before, after = (known(sample.statistics) for sample in netdev.samples[:2])
    if before is None or after is None:
        return None
    if "tx_packets" in after:
        return grown(before, after, "tx_packets")
    parts = [grown(before, after, name) for name in queue_counters(after, "tx_", "_packets")]
    return sum(part or 0 for part in parts) if parts and None not in parts else None


def evidence(sent: Observed[Sent]) -> dict[str, Json]:
    """What was sent, and which ways were refused; empty where nobody asked for it."""
    if isinstance(sent, Gap):
        return {"active_proof": sent.why} if sent.asked else {}
    told: dict[str, Json] = {"packets": sent.packets}
    if sent.family is not None:
        told["by"] = sent.family
    if sent.refused:
        told["refused"] = dict(sent.refused)
    return {"active_proof": told}


def why_none(sent: Observed[Sent]) -> str | None:
    """Why nothing was sent, though it was asked for; None where it was not, or was sent."""
    if isinstance(sent, Gap):
        return sent.why if sent.asked else None
    if sent.packets:
        return None
    return ", ".join(f"{family}: {name}" for family, name in sent.refused.items()) or "no reason"
