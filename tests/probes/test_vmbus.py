"""vmbus: the devices that the Azure host offers."""

from __future__ import annotations

import errno

from accelnet_probes import vmbus
from accelnet_probes.files import MemoryStore, Tree
from accelnet_probes.snapshot import NETVSC_CLASS, PASS_THROUGH_CLASS, Gap, VmbusDevice

NIC = "000d3a11-2233-000d-3a11-2233000d3a11"
PASS_THROUGH = "e9ac9b28-cf63-4cde-9d43-51be1a9f1fcc"
DEVICES = "sys/bus/vmbus/devices"
VMBUS = "sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00"


def _machine() -> MemoryStore:
    """A NIC that is bound and a pass-through device that is not."""
    store = MemoryStore()
    for guid, class_id in ((NIC, NETVSC_CLASS), (PASS_THROUGH, PASS_THROUGH_CLASS)):
        store.add_link(f"{DEVICES}/{guid}", f"../../../devices/{VMBUS[12:]}/{guid}")
        store.add_file(f"{VMBUS}/{guid}/class_id", f"{{{class_id}}}\n".encode())
    store.add_link(f"{VMBUS}/{NIC}/driver", "../../../../../bus/vmbus/drivers/hv_netvsc")
    return store


def test_devices_with_class_and_driver() -> None:
    """The class without its braces; no driver link is unbound."""
    assert vmbus.probe(Tree(_machine())) == (
        VmbusDevice(guid=NIC, class_id=NETVSC_CLASS, driver="hv_netvsc"),
        VmbusDevice(guid=PASS_THROUGH, class_id=PASS_THROUGH_CLASS, driver=None),
    )


# On a running VM some device always has a driver: a tree without any has lost the links.
NO_DRIVERS = Gap(asked=False, why="no driver link of a VMBus device was recorded")


def test_upper_case_is_folded() -> None:
    """GUIDs compare as text, so they have one case."""
    store = MemoryStore()
    store.add_file(f"{DEVICES}/{NIC.upper()}/class_id", f"{{{NETVSC_CLASS.upper()}}}".encode())
    store.add_link(f"{DEVICES}/{NIC.upper()}/driver", "../../drivers/hv_netvsc")
    assert vmbus.probe(Tree(store)) == (
        VmbusDevice(guid=NIC, class_id=NETVSC_CLASS, driver="hv_netvsc"),
    )


def test_no_vmbus_is_no_devices() -> None:
    """A machine that is not on Hyper-V."""
    assert vmbus.probe(Tree(MemoryStore())) == ()


def test_a_refused_listing_is_a_gap() -> None:
    """Not an empty bus."""
    store = MemoryStore()
    store.add_directory(DEVICES)
    found = vmbus.probe(Tree(store, {DEVICES: errno.EACCES}))
    assert found == Gap(asked=True, why=f"/{DEVICES}: EACCES")


def test_a_device_that_went_away_or_was_refused() -> None:
    """Each fact for itself; the others stay."""
    store = _machine()
    store.add_link(f"{DEVICES}/{NIC}", "../nowhere")
    refused = f"{VMBUS}/{PASS_THROUGH}/class_id"
    gap = Gap(asked=True, why=f"/{DEVICES}/{PASS_THROUGH}/class_id: EIO")
    assert vmbus.probe(Tree(store, {refused: errno.EIO})) == (
        VmbusDevice(guid=NIC, class_id=None, driver=NO_DRIVERS),
        VmbusDevice(guid=PASS_THROUGH, class_id=gap, driver=NO_DRIVERS),
    )
