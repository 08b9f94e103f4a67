"""Which PCI functions are Ethernet VFs, and which netdevs hang below them."""

from __future__ import annotations

from accelnet_agent.data import pci_ids
from accelnet_probes.record import Record, replace
from accelnet_probes.snapshot import known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from accelnet_probes.snapshot import Netdev, PciFunction, Snapshot

ARPHRD_INFINIBAND = 32  # <linux/if_arp.h>
ETHERNET, OTHER_NETWORK = "0200", "0280"  # class and subclass; some ConnectX-3 VFs are "other"


class Function(Record):
    """A PCI function that is an Ethernet VF, as far as can be seen."""

    pci: PciFunction
    name: str
    family: str
    driver: str | None  # the driver it should have; None where its ids are not known


def of(snapshot: Snapshot) -> tuple[Function, ...]:
    """The functions of the known vendors that are VFs for Ethernet, in address order."""
    netdevs = {netdev.name: netdev for netdev in known(snapshot.netdevs) or ()}
    functions = (_with_netdevs(pci, netdevs.values()) for pci in known(snapshot.pci) or ())
    return tuple(_function(pci) for pci in functions if _is_ethernet_vf(pci, netdevs))


def _with_netdevs(pci: PciFunction, netdevs: Collection[Netdev]) -> PciFunction:
    """What net/ lists, and what says of itself that it hangs below: either link will do."""
    listed = known(pci.netdevs) or ()
    linked = {netdev.name for netdev in netdevs if known(netdev.device) == pci.address}
    extra = sorted(linked.difference(listed))
    return replace(pci, netdevs=(*listed, *extra)) if extra else pci


def _function(pci: PciFunction) -> Function:
    vendor, device = known(pci.vendor_id) or "", known(pci.device_id) or ""
    unnamed = f"Device {device or 'unknown'}"
    name, family, driver = pci_ids.VFS.get((vendor, device), (unnamed, "unknown", None))
    return Function(pci=pci, name=name, family=family, driver=driver)


def _is_ethernet_vf(pci: PciFunction, netdevs: Mapping[str, Netdev]) -> bool:
    vendor, device, class_id = pci.vendor_id, pci.device_id, pci.class_id
    below = [netdevs[name] for name in known(pci.netdevs) or () if name in netdevs]
    if below and all(netdev.type == ARPHRD_INFINIBAND for netdev in below):
        return False
    if isinstance(vendor, str) and vendor not in pci_ids.VENDORS:
        return False
    if isinstance(class_id, str) and class_id[:4] not in (ETHERNET, OTHER_NETWORK):
        return False
    if (vendor, device) in pci_ids.PFS:
        return False
    if isinstance(vendor, str) and isinstance(device, str) and isinstance(class_id, str):
        return True
    return known(pci.driver) in pci_ids.DRIVERS or any(_looks_like_vf(netdev) for netdev in below)


def _looks_like_vf(netdev: Netdev) -> bool:
    driver = known(netdev.driver)
    return driver in pci_ids.DRIVERS or driver in pci_ids.OTHER_NAMES


def is_vf_netdev(netdev: Netdev, functions: Collection[Function], snapshot: Snapshot) -> bool:
    """An Ethernet netdev below one of `functions`; the driver tells where none could be seen."""
    if netdev.type == ARPHRD_INFINIBAND:
        return False
    if of_netdev(netdev, functions) is not None:
        return True
    seen = {pci.address for pci in known(snapshot.pci) or ()}
    return known(netdev.device) not in seen and _looks_like_vf(netdev)


def of_netdev(netdev: Netdev, functions: Collection[Function]) -> Function | None:
    """The function that `netdev` hangs below."""
    for function in functions:
        if known(netdev.device) == function.pci.address or netdev.name in (
            known(function.pci.netdevs) or ()
        ):
            return function
    return None
