"""The VM's size is known to support accelerated networking: a hint.

IMDS names the size, not whether accelerated networking is on.  What is published about
sizes is of several years and contradicts itself, so a VF that is there outranks it.
"""

from __future__ import annotations

from accelnet_agent.data import remedies
from accelnet_agent.data.vm_sizes import supports
from accelnet_agent.findings import Check, passed, skipped, unknown, warned
from accelnet_probes.snapshot import Gap, known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Judgement
    from accelnet_agent.machine import Machine


def judge(machine: Machine) -> Judgement:
    """Judge the size by the published tables; a VF in use settles it."""
    proof = next(
        (nic.name for nic in machine.nics if nic.direct or known(nic.vf) is not None), None
    )
    if proof is not None:
        instance = known(machine.snapshot.instance)
        size = instance.vm_size if instance is not None else None
        return passed(f"{proof} has a VF, which proves that the size supports it", found=size)

    if isinstance(machine.snapshot.instance, Gap) and machine.snapshot.instance.asked:
        return unknown(
            f"the size is not known: {machine.snapshot.instance.why}", remedy=remedies.ASK_IMDS
        )
    instance = need(machine.snapshot.instance)
    size = instance.vm_size if instance is not None else None
    if not size:
        return skipped("instance metadata names no VM size", found=None)
    return _by_name(size)


def _by_name(size: str) -> Judgement:
    fact = supports(size)
    if fact is None:
        return unknown(
            f"{size} is not a VM size's name as Azure writes them",
            remedy=remedies.LIST_SKUS.format(size="SIZE"),
            found=size,
        )
    source = {"found": size, "vcpus": fact.vcpus, "source": fact.source}
    if fact.supported:
        return passed(f"{size} supports accelerated networking: {fact.reason}", **source)
    if fact.confidential:
        return skipped(f"{size} is a Confidential VM's size, which has no VF by design", **source)
    if fact.supported is None:
        return unknown(
            f"it is not known whether {size} supports accelerated networking: {fact.reason}",
            remedy=remedies.LIST_SKUS.format(size=size),
            **source,
        )
    return warned(
        f"{size} does not support accelerated networking: {fact.reason}",
        remedy=remedies.RESIZE,
        **source,
    )


CHECK = Check(
    id="vm-size",
    title="The VM's size supports accelerated networking",
    level="recommended",
    judge_host=judge,
)
