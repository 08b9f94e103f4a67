"""Each NIC that the instance metadata reports is here, with its MAC and IP address.

The platform's side of the VM: a NIC that it has attached and that the guest
lacks, or that has another address than the platform routes to it.  A pair is
one NIC there.  Only the first IPv4 address is asked for: the others have to be
configured in the guest, and DHCP does not give them.
"""

from __future__ import annotations

from accelnet_agent.commands import do, quoted
from accelnet_agent.data import remedies
from accelnet_agent.findings import Check, passed, skipped, unknown, warned
from accelnet_agent.machine import macs_of
from accelnet_probes.snapshot import Gap, known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Judgement
    from accelnet_agent.machine import Machine, Nic
    from accelnet_probes.snapshot import Interface


def judge(machine: Machine, nic: Nic) -> Judgement:
    instance = machine.snapshot.instance
    if isinstance(instance, Gap) and instance.asked:
        return unknown(
            f"which NICs the platform has attached is not known: {instance.why}",
            remedy=remedies.ASK_IMDS,
        )
    instance = need(instance)
    if instance is None or not instance.interfaces:
        return skipped("the instance metadata names no NIC")
    macs = macs_of(nic.netdev)
    reported = next((other for other in instance.interfaces if other.mac in macs), None)
    if reported is None:
        return warned(
            f"the instance metadata knows no NIC with the MAC of {nic.name}",
            remedy=do("See what it knows:", *remedies.ASK_IMDS.splitlines()[1:]),
            mac=known(nic.netdev.mac),
            reported=[other.mac for other in instance.interfaces],
        )
    return _judge_address(nic, reported)


def _judge_address(nic: Nic, reported: Interface) -> Judgement:
    wanted = next((address for address in reported.addresses if "." in address), None)
    if wanted is None:
        return passed(f"{nic.name} is the NIC that the instance metadata reports")
    upper = known(nic.netdev.master) or ", ".join(known(nic.netdev.upper) or ())
    if upper:
        return skipped(f"{nic.name} belongs to {upper}, which carries its addresses")
    here = {address.partition("/")[0] for address in need(nic.netdev.addresses)}
    missing = [address for address in reported.addresses if address not in here]
    if wanted in here:
        return passed(
            f"{nic.name} has the MAC and the address {wanted} that the instance metadata reports",
            not_configured=missing,
        )
    return warned(
        f"{nic.name} lacks the address {wanted} that the instance metadata reports",
        remedy=do(
            f"Configure {nic.name} by DHCP, or give it that address; see what it has:",
            f"ip address show {quoted(nic.name)}",
        ),
        has=sorted(here),
        reported=list(reported.addresses),
    )


def judge_rest(machine: Machine) -> Judgement | None:
    """A NIC that is reported and of which no interface is here."""
    instance = known(machine.snapshot.instance)
    netdevs = known(machine.snapshot.netdevs)
    if instance is None or netdevs is None or machine.snapshot.source == "root":
        return None
    if machine.given_to_user_space or machine.netvsc_elsewhere or machine.unseen:
        return None  # it may be there, and nobody can see it from here
    here = {mac for netdev in netdevs for mac in macs_of(netdev)}
    missing = [other.mac for other in instance.interfaces if other.mac not in here]
    if not missing:
        return None
    return warned(
        f"the instance metadata reports a NIC {missing[0]} that is not here",
        remedy=do(
            "See what became of it (a NIC that was attached to the running VM comes by VMBus):",
            "sudo dmesg | grep -E 'hv_netvsc|vmbus'",
        ),
        missing=missing,
    )


CHECK = Check(
    id="imds-nics",
    title="Each NIC that the instance metadata reports is here",
    level="recommended",
    judge_nic=judge,
    judge_rest=judge_rest,
)
