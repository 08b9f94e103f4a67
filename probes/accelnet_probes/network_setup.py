"""What user space is told to do with the interfaces, and what it did.

udev's database (/run/udev/data/n<ifindex>, systemd's device-private.c),
NetworkManager's and networkd's state (/run/NetworkManager/devices/<ifindex>,
/run/systemd/netif/links/<ifindex>) say what really happened; rules and
configuration say what should.  All are plain files that anyone may read, but
netplan's, which are root's.
"""

from __future__ import annotations

from accelnet_probes import name_rules, sysfs
from accelnet_probes.snapshot import Gap, LinkOwner, NetworkSetup, known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accelnet_probes.files import Files
    from accelnet_probes.snapshot import Observed

UDEV, NM, NETIF = "run/udev/data", "run/NetworkManager", "run/systemd/netif"
# Of a property of udev's only what says who manages the interface.
PROPERTIES = ("NM_UNMANAGED", "AZURE_UNMANAGED_SRIOV", "ID_NET_MANAGED_BY")
RULES = ("etc/udev/rules.d", "run/udev/rules.d", "usr/lib/udev/rules.d", "lib/udev/rules.d")
NM_CONFIGURATION = (
    *("etc/NetworkManager/conf.d", "run/NetworkManager/conf.d"),
    "usr/lib/NetworkManager/conf.d",
)
NETWORKD = ("etc/systemd/network", "run/systemd/network", "usr/lib/systemd/network")
DPKG = "var/lib/dpkg/status"
PACKAGES = ("azure-vm-utils", "cloud-init", "network-manager", "systemd")
_OURS = ("azure", "sriov", "unmanaged", "hyperv", "hv-")  # in the names of files worth reading


def probe(files: Files, interfaces: Mapping[str, int | None]) -> NetworkSetup:
    """Who manages `interfaces`, by name and ifindex, and what is configured about it."""
    unmanaged, refused = _unmanaged(files)
    names, generator, unread = name_rules.probe(files)
    return NetworkSetup(
        links={
            name: _link(files, index) for name, index in interfaces.items() if index is not None
        },
        network_manager=sysfs.names(files, NM) is not None,
        networkd=sysfs.names(files, NETIF) is not None,
        unmanaged=unmanaged,
        name_rules=names,
        name_generator=generator,
        packages=_packages(files),
        refused=(*refused, *unread),
    )


def _link(files: Files, index: int) -> LinkOwner:
    state = sysfs.text(files, f"{NETIF}/links/{index}")
    lines = parse_assignments(state) if isinstance(state, str) else {}
    udev = sysfs.text(files, f"{UDEV}/n{index}")
    device = sysfs.text(files, f"{NM}/devices/{index}")
    return LinkOwner(
        udev=parse_properties(udev) if isinstance(udev, str) else udev,
        network_manager=parse_assignments(device).get("managed")
        if isinstance(device, str)
        else device,
        networkd=lines.get("ADMIN_STATE") if isinstance(state, str) else state,
        network_file=lines.get("NETWORK_FILE"),
    )


def parse_properties(text: str) -> dict[str, str]:
    """The properties ("E:NAME=value") that say who manages an interface."""
    pairs = (line[2:].partition("=") for line in text.splitlines() if line.startswith("E:"))
    return {name: value for name, equals, value in pairs if equals and name in PROPERTIES}


def parse_assignments(text: str) -> dict[str, str]:
    """NAME=value lines; sections and comments are passed over."""
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def _unmanaged(files: Files) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The files that tell somebody to leave interfaces alone, each with what it says."""
    found: list[str] = []
    refused: list[str] = []
    for folders, suffix, parse in (
        (RULES, ".rules", parse_rules),
        (NM_CONFIGURATION, ".conf", parse_nm),
        (NETWORKD, ".network", parse_network),
    ):
        for path, content in _files(files, folders, suffix):
            if isinstance(content, Gap):
                refused.append(content.why)
            elif content and (what := parse(content)):
                found.append(f"/{path}: {what}")
    return tuple(found), tuple(refused)


def _files(
    files: Files, folders: Iterable[str], suffix: str
) -> Iterable[tuple[str, Observed[str | None]]]:
    """Each file once, the first of its name, as systemd and NetworkManager take them."""
    seen: set[str] = set()
    for folder in folders:
        for name in known(sysfs.names(files, folder)) or ():
            if name in seen or not name.endswith(suffix):
                continue
            seen.add(name)
            local = not folder.startswith(("usr/", "lib/"))
            if local or any(word in name for word in _OURS):
                yield f"{folder}/{name}", sysfs.text(files, f"{folder}/{name}")


def parse_rules(text: str) -> str:
    """Which properties a udev rules file sets, and for which drivers."""
    set_by: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        if line.lstrip().startswith("#"):
            continue
        names = [name for name in PROPERTIES if f"ENV{{{name}}}=" in line]
        names = [name for name in names if f"ENV{{{name}}}==" not in line]
        if names:
            drivers = quoted_after(line, "DRIVERS==") or "any driver"
            set_by.append(f"{' '.join(names)} ({drivers})")
    return "; ".join(dict.fromkeys(set_by))


def quoted_after(line: str, start: str) -> str | None:
    """The text in quotes after `start`."""
    _, found, rest = line.partition(f'{start}"')
    return rest.partition('"')[0] if found else None


def parse_nm(text: str) -> str:
    """unmanaged-devices of NetworkManager.conf(5), or managed=false of a [device] section."""
    values = parse_assignments(text)
    if "unmanaged-devices" in values:
        return f"unmanaged-devices={values['unmanaged-devices']}"
    if values.get("managed", "").lower() in ("0", "false", "no"):
        return f"managed=0 for {values.get('match-device', 'any device')}"
    return ""


def parse_network(text: str) -> str:
    """Unmanaged=yes of systemd.network(5)."""
    values = parse_assignments(text)
    if values.get("Unmanaged", "").lower() not in ("yes", "true", "1", "on"):
        return ""
    keys = ("Property", "Driver", "Name", "MACAddress", "PermanentMACAddress")
    return "Unmanaged for " + ", ".join(f"{key}={values[key]}" for key in keys if key in values)


def _packages(files: Files) -> dict[str, str]:
    """Versions of the packages that keep VFs unmanaged, by dpkg; an rpm database is no text."""
    try:
        status = files.read(DPKG)
    except OSError:
        return {}
    return parse_packages(status)


def parse_packages(status: bytes) -> dict[str, str]:
    """/var/lib/dpkg/status: megabytes, of which a few stanzas matter."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        stanza = stanza_of(status, name).decode("utf-8", "replace").splitlines()
        pairs = (line.partition(": ") for line in stanza)
        fields = {key: value for key, colon, value in pairs if colon}
        if fields.get("Status", "").endswith(" installed") and "Version" in fields:
            found[name] = fields["Version"]
    return found


def stanza_of(status: bytes, name: str) -> bytes:
    """A package's stanza; empty where it has none."""
    start = b"Package: " + name.encode() + b"\n"
    at = 0 if status.startswith(start) else status.find(b"\n" + start) + 1
    if at == 0 and not status.startswith(start):
        return b""
    end = status.find(b"\n\n", at)
    return status[at:] if end < 0 else status[at : end + 1]


def stanzas(status: bytes) -> bytes:
    """What a recording keeps of the file: the stanzas that are read."""
    return b"\n".join(found for name in PACKAGES if (found := stanza_of(status, name)))
