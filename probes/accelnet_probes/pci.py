"""PCI functions: /sys/bus/pci/devices, flat (Documentation/ABI/testing/sysfs-bus-pci).

Never `config`: reading 64 bytes of it costs a millisecond and can block.
"""

from __future__ import annotations

from accelnet_probes import sysfs
from accelnet_probes.snapshot import Gap, PciFunction, known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_probes.files import Files
    from accelnet_probes.snapshot import Observed

DEVICES = "sys/bus/pci/devices"
NETWORK_CLASS = "02"


def probe(files: Files) -> Observed[tuple[PciFunction, ...]]:
    """Every PCI function, in address order; none where there is no PCI bus."""
    entries = sysfs.names(files, DEVICES)
    if isinstance(entries, Gap):
        return entries
    return tuple(_function(files, address) for address in entries or ())


def _function(files: Files, address: str) -> PciFunction:
    entry = f"{DEVICES}/{address}"
    class_id = sysfs.hexadecimal(files, f"{entry}/class", 6)
    # Only a network controller has net/; other devices are not asked.
    network = isinstance(class_id, Gap) or class_id is None or class_id.startswith(NETWORK_CLASS)
    return PciFunction(
        address=address,
        path=_path(files, entry),
        vendor_id=sysfs.hexadecimal(files, f"{entry}/vendor", 4),
        device_id=sysfs.hexadecimal(files, f"{entry}/device", 4),
        class_id=class_id,
        subsystem=_subsystem(files, entry),
        driver=sysfs.link_name(files, f"{entry}/driver"),
        driver_override=_override(files, entry) if network else None,
        modalias=known(sysfs.text(files, f"{entry}/modalias")) if network else None,
        netdevs=_netdevs(files, entry) if network else (),
    )


def _path(files: Files, entry: str) -> str | None:
    try:
        return files.readlink(entry)
    except OSError:  # only evidence hangs on it
        return None


def _subsystem(files: Files, entry: str) -> str | None:
    vendor = sysfs.hexadecimal(files, f"{entry}/subsystem_vendor", 4)
    device = sysfs.hexadecimal(files, f"{entry}/subsystem_device", 4)
    return f"{vendor}:{device}" if isinstance(vendor, str) and isinstance(device, str) else None


def _override(files: Files, entry: str) -> str | None:
    found = known(sysfs.text(files, f"{entry}/driver_override"))
    return None if found in (None, "", "(null)") else found


def _netdevs(files: Files, entry: str) -> Observed[tuple[str, ...]]:
    found = sysfs.names(files, f"{entry}/net")
    return () if found is None else found
