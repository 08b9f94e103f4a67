"""What gives interfaces their names by MAC address, and so may catch the VF.

A synthetic NIC and its VF have the same address: a rule that asks for nothing
else fits both, and udev renames the one over the other.  Read are persistent
udev rules, systemd.link(5) files, ifcfg files with HWADDR, and netplan.
"""

from __future__ import annotations

from accelnet_probes import sysfs
from accelnet_probes.snapshot import Gap, NameRule, known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accelnet_probes.files import Files

GENERATOR = "75-persistent-net-generator.rules"
UDEV = ("etc/udev/rules.d", "run/udev/rules.d", "usr/lib/udev/rules.d", "lib/udev/rules.d")
# Folder, the name's beginning and end, how to read it.
_PLACES = (
    ("etc/udev/rules.d", "", ".rules", "udev"),
    ("etc/systemd/network", "", ".link", "link"),
    ("run/systemd/network", "", ".link", "link"),
    ("etc/sysconfig/network-scripts", "ifcfg-", "", "ifcfg"),
    ("etc/netplan", "", ".yaml", "netplan"),
    ("run/netplan", "", ".yaml", "netplan"),
)


def probe(files: Files) -> tuple[tuple[NameRule, ...], str | None, tuple[str, ...]]:
    """The rules, the generator of more of them where it is active, what was refused."""
    rules: list[NameRule] = []
    refused: list[str] = []
    for folder, prefix, suffix, kind in _PLACES:
        for name in known(sysfs.names(files, folder)) or ():
            if name.startswith(prefix) and name.endswith(suffix):
                content = sysfs.text(files, f"{folder}/{name}")
                if isinstance(content, Gap):
                    refused.append(content.why)
                elif content:
                    rules += _PARSERS[kind](f"/{folder}/{name}", content)
    return tuple(rules), _generator(files), tuple(refused)


def _generator(files: Files) -> str | None:
    """75-persistent-net-generator.rules writes 70-persistent-net.rules; /dev/null masks it."""
    for folder in UDEV:
        path = f"{folder}/{GENERATOR}"
        target = sysfs.link_name(files, path)
        if target == "null":
            return None
        content = sysfs.text(files, path)
        if content is not None:
            return f"/{path}" if content else None
    return None


def parse_udev(path: str, text: str) -> Iterator[NameRule]:
    """ATTR{address}=="<MAC>" with NAME="<name>"; DRIVERS=="?*" is any driver."""
    for line in text.replace("\\\n", " ").splitlines():
        words = line.replace(" ", "")
        if words.startswith("#"):
            continue
        mac = _quoted(words, "{address}==")
        name = _quoted(words, ",NAME=") or _quoted(words, ",NAME:=")
        if mac and name:
            driver = _quoted(words, "DRIVERS==") or _quoted(words, "ENV{ID_NET_DRIVER}==")
            driver = None if driver in (None, "?*", "*") else driver
            yield NameRule(file=path, mac=mac.lower(), name=name, driver=driver)


def _quoted(line: str, start: str) -> str | None:
    _, found, rest = line.partition(f'{start}"')
    return rest.partition('"')[0] if found else None


def _assignments(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {key.strip(): value.strip().strip("\"'") for key, equals, value in pairs if equals}


def parse_link(path: str, text: str) -> Iterator[NameRule]:
    """[Match] MACAddress or PermanentMACAddress, [Link] Name (systemd.link(5))."""
    values = _assignments(text)
    if "Name" in values:
        macs = f"{values.get('MACAddress', '')} {values.get('PermanentMACAddress', '')}"
        for mac in macs.split():
            yield NameRule(
                file=path,
                mac=mac.lower().replace("-", ":"),
                name=values["Name"],
                driver=values.get("Driver"),
            )


def parse_ifcfg(path: str, text: str) -> Iterator[NameRule]:
    """HWADDR with DEVICE: initscripts rename what has the address."""
    values = _assignments(text)
    if values.get("HWADDR"):
        name = values.get("DEVICE") or path.rpartition("ifcfg-")[2]
        yield NameRule(file=path, mac=values["HWADDR"].lower(), name=name, driver=None)


def parse_netplan(path: str, text: str) -> Iterator[NameRule]:
    """Match: macaddress, with or without driver; as a block, or in braces."""
    lines = [line.split(" #")[0].rstrip() for line in text.splitlines()]
    for at, line in enumerate(lines):
        key, colon, rest = line.strip().partition(":")
        if key != "match" or not colon:
            continue
        if rest.strip():
            pairs = (word.partition(":") for word in rest.strip(" {}").split(","))
            values = {key.strip(): _scalar(value) for key, _, value in pairs}
        else:
            values = dict(_block(lines[at + 1 :], _indent(line)))
        if values.get("macaddress"):
            yield NameRule(
                file=path,
                mac=values["macaddress"].lower(),
                name=None,
                driver=values.get("driver") or None,
            )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _block(lines: list[str], indent: int) -> Iterator[tuple[str, str]]:
    """The keys that are indented deeper than `indent`."""
    for line in lines:
        if line.strip() and _indent(line) <= indent:
            return
        key, colon, value = line.strip().partition(":")
        if colon:
            yield key, _scalar(value)


def _scalar(value: str) -> str:
    return value.strip().strip("\"'")


def excerpt_of_names(key: str, content: bytes) -> bytes:
    """What a recording keeps of a file that may hold keys and passwords, as netplan's and ifcfg do.

    What is parsed here; of netplan's other lines where they begin.
    """
    if "/ifcfg-" in key:
        lines = (line.partition(b"=") for line in content.splitlines())
        kept = [line for line in lines if line[0].strip() in (b"HWADDR", b"DEVICE")]
        return b"".join(name + equals + value + b"\n" for name, equals, value in kept)
    if key.startswith(("etc/netplan/", "run/netplan/")):
        return b"".join(_netplan_line(line) + b"\n" for line in content.splitlines())
    return content


def _netplan_line(line: bytes) -> bytes:
    line = line.split(b" #")[0].rstrip()
    said = line.strip()
    if not said or said.partition(b":")[0] in (b"match", b"macaddress", b"driver"):
        return line
    return line[: len(line) - len(line.lstrip())] + b"-"


_PARSERS: dict[str, Callable[[str, str], Iterator[NameRule]]] = {
    "udev": parse_udev,
    "link": parse_link,
    "ifcfg": parse_ifcfg,
    "netplan": parse_netplan,
}
