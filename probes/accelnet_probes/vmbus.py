"""VMBus devices: /sys/bus/vmbus/devices, flat (Documentation/ABI/stable/sysfs-bus-vmbus)."""

from __future__ import annotations

from accelnet_probes import sysfs
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
    return tuple(
        VmbusDevice(
            guid=guid.lower(),
            class_id=_guid(sysfs.text(files, f"{DEVICES}/{guid}/class_id")),
            driver=sysfs.link_name(files, f"{DEVICES}/{guid}/driver"),
        )
        for guid in entries or ()
    )


def _guid(found: Observed[str | None]) -> Observed[str | None]:
    return found.strip("{}").lower() if isinstance(found, str) else found
