"""VMBus devices: /sys/bus/vmbus/devices, flat (Documentation/ABI/stable/sysfs-bus-vmbus)."""

from __future__ import annotations

from accelnet_probes import sysfs
from accelnet_probes.record import replace
from accelnet_probes.snapshot import Gap, VmbusDevice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_probes.files import Files
    from accelnet_probes.snapshot import Observed

DEVICES = "sys/bus/vmbus/devices"


def probe(files: Files) -> Observed[tuple[VmbusDevice, ...]]:
    """Every VMBus device, in GUID order; none where there is no VMBus."""
    entries = sysfs.names(files, DEVICES)
    if isinstance(entries, Gap):
        return entries
    devices = tuple(
        VmbusDevice(
            guid=guid.lower(),
            class_id=_guid(sysfs.text(files, f"{DEVICES}/{guid}/class_id")),
            driver=sysfs.link_name(files, f"{DEVICES}/{guid}/driver"),
        )
        for guid in entries or ()
    )
    if all(device.driver is None for device in devices):  # on a running VM some always have one
        unseen = Gap(asked=False, why="no driver link of a VMBus device was recorded")
        return tuple(replace(device, driver=unseen) for device in devices)
    return devices


def _guid(found: Observed[str | None]) -> Observed[str | None]:
    return found.strip("{}").lower() if isinstance(found, str) else found
