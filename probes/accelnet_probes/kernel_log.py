"""The kernel log as a witness: lines in, events out.

The messages are those of drivers/net/hyperv/netvsc_drv.c and netvsc.c, the
PCI and VF drivers, and drivers/base/dd.c.  Names in them are those of their
moment: a VF is eth1 before udev renames it.  No line proves that nothing
happened: logs wrap, and rate limits drop.
"""

from __future__ import annotations

import re

from accelnet_probes.record import replace
from accelnet_probes.snapshot import KernelLog, LogEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# What `--record` keeps, and what is parsed at all.
KEYWORDS = (
    b"vmbus",
    b"hv_",
    b"netvsc",
    b"mlx4",
    b"mlx5",
    b"mana",
    b"PCI",
    b"pci",
    b"VF ",
    b"Data path",
    b"joined to",
    b"renamed from",
    b"SR-IOV",
    b"failed with error",
    b"ardware is detected",
)

_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# "eth0", "eth0 (unregistering)", or before it has a name "(unnamed net_device) (uninitialized)".
# Every pattern that begins with a word of any length begins at the word's start, and what stands
# in brackets is short: a hostile line must not cost the square of its length.
_NIC = (
    rf"(?<!\S)(?:hv_netvsc\s+)?(?:(?P<guid>{_GUID}|vmbus_\S+)\s+)?"
    r"(?:(?P<nic>[^\s:()]+)|\(unnamed net_device\))(?:\s+\([^()]{0,40}\))*: "
)
_PCI = r"(?P<pci>[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])"
_PCI_VF = rf"{_PCI} (?P<vf>[^\s:()]+)(?:\s+\([^()]{{0,40}}\))*: "
_VF = rf"(?:{_PCI_VF})?"
_SWITCHED = r"VF: (?P<vf>[^\s,]+)(?:, err: (?P<detail>-?\d+))?"

# Kind, what stands in every such line, and what the line looks like; groups name the fields of
# LogEvent.  A pattern is compiled when a line holds its words: most logs need four of them.
PATTERNS: tuple[tuple[str, str, str], ...] = (
    ("slot-added", "VF slot ", _NIC + r"VF slot (?P<detail>\d+) added"),
    ("slot-removed", "VF slot ", _NIC + r"VF slot (?P<detail>\d+) removed"),
    ("registering", "VF registering: ", _NIC + r"VF registering: (?P<vf>\S+)"),
    ("unregistering", "VF unregistering: ", _NIC + r"VF unregistering: (?P<vf>\S+)"),
    ("joined", ": joined to ", _PCI_VF + r"joined to (?P<nic>\S+)"),
    ("switched-to", "path switched to", _NIC + r"Data path switched to VF: (?P<vf>\S+)"),
    ("switched-from", "path switched from", _NIC + r"Data path switched from VF: (?P<vf>\S+)"),
    ("switch-to-failed", "path failed to", _NIC + r"Data path failed to switch to " + _SWITCHED),
    (
        "switch-from-failed",
        "path failed to",
        _NIC + r"Data path failed to switch from " + _SWITCHED,
    ),
    (
        "not-matched",
        " vf serial:",
        r"(?<!\S)(?P<vf>\S+): (?:no netdev found for|Invalid) vf serial:(?P<detail>\S+)",
    ),
    (
        "not-matched",
        "no PCI slot information",
        r"(?<!\S)(?P<vf>\S+): (?P<detail>no PCI slot information)",
    ),
    (
        "handler-refused",
        "VF receive handler",
        _VF + r"can not register netvsc VF receive handler \(err = (?P<detail>-?\d+)\)",
    ),
    (
        "master-refused",
        "can not set master",
        r"can not set master device (?P<nic>\S+) \(err = (?P<detail>-?\d+)\)",
    ),
    ("mtu-refused", "change mtu to", _VF + r"unable to change mtu to (?P<detail>\d+)"),
    (
        "isolated",
        "supporting isolation",
        r"(?P<detail>SR-IOV not advertised by guests on the host supporting isolation)",
    ),
    (
        "isolated",
        "supporting isolation",
        r"(?P<detail>Ignore VF_ASSOCIATION msg from the host supporting isolation)",
    ),
    (
        "probe-failed",
        "probe with driver",
        _PCI + r": probe with driver \S+ failed with error (?P<detail>-?\d+)",
    ),
    (
        "probe-failed",
        "probe of ",
        r"probe of " + _PCI + r" failed with error (?P<detail>-?\d+)",
    ),
    ("probe-failed", "failed", _PCI + r": (?P<detail>(?=\S*(?:probe|init)_\S)(?=.*failed).*)"),
    (
        "pass-through-failed",
        "hv_pci: probe of",
        rf"hv_pci: probe of (?P<guid>{_GUID}) failed with error (?P<detail>-?\d+)",
    ),
    (
        "pass-through-failed",
        "failed with error",
        rf"hv_pci(?: (?P<guid>{_GUID}))?: probe .*failed with error (?P<detail>-?\d+)",
    ),
)
MAX_LOG = 2 << 20  # bytes, the newest: more than the kernel of a VM with 400 CPUs keeps
_MAX_LINE = 1024  # characters: PRINTKRB_RECORD_MAX, kernel/printk/printk.c

_MONOTONIC = r"\[\s*(\d{1,9}\.\d{1,9})\]\s?(?:\[[^\]]{1,16}\]\s)?"
_KMSG = r"\d+,\d+,(\d{1,18}),[^;]*;"
_ISO = r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,]\d+)?(?:Z|([+-])(\d\d):?(\d\d))?"
_CTIME = r"\[[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) (\d\d:\d\d:\d\d) (\d{4})\]"  # dmesg -T
_SYSLOG = r"([A-Z][a-z]{2}) +(\d{1,2}) (\d\d:\d\d:\d\d) "  # RFC 3164, journalctl -o short
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_BOOT = 60.0  # seconds: a log that begins earlier begins at boot


def keep(lines: Iterable[bytes]) -> list[bytes]:
    """The lines that concern vmbus, hv_*, mlx*, mana or PCI."""
    return [line for line in lines if any(word in line for word in KEYWORDS)]


def parse(content: bytes, uptime: float | None, observed_at: str) -> KernelLog:
    """Events in the order of their lines; ages where the line's clock and ours are known.

    `uptime`: seconds since boot at the observation; `observed_at`: as in the report.
    Understood: dmesg's and the journal's own time stamps, ISO 8601 with an
    offset (dmesg --time-format=iso, journalctl -o short-iso), /dev/kmsg records.
    """
    events: list[LogEvent] = []
    lines = content[-MAX_LOG:].decode("utf-8", "replace").splitlines()
    first = _first_stamp(lines, observed_at)
    last = _first_stamp(reversed(lines), observed_at) or 0.0
    for raw in lines:
        found = _match(raw[:_MAX_LINE])
        if found is None:
            continue
        at, wall, text = _stamp(raw[:_MAX_LINE], observed_at)
        age = None
        if at is not None and uptime is not None:
            age = max(uptime - at, 0.0)
        elif wall is not None and (now := _iso(observed_at)) is not None:
            age = max(now - wall, 0.0)
        kind, fields = found
        events.append(
            LogEvent(
                kind=kind,
                line=text[:300],
                nic=fields.get("nic"),
                guid=fields.get("guid"),
                vf=fields.get("vf"),
                pci_address=fields.get("pci"),
                detail=fields.get("detail"),
                uptime=at,
                age=age,
            )
        )
    return KernelLog(
        events=tuple(
            event if event.uptime is None else replace(event, min_age=max(last - event.uptime, 0.0))
            for event in events
        ),
        starts_at_boot=first is not None and first < _BOOT,
    )


def _first_stamp(lines: Iterable[str], observed_at: str) -> float | None:
    """Seconds since boot of the first line that says them."""
    for line in lines:
        at, _, _ = _stamp(line[:_MAX_LINE], observed_at)
        if at is not None:
            return at
    return None


def _match(text: str) -> tuple[str, dict[str, str | None]] | None:
    for kind, words, pattern in PATTERNS:
        if words in text:
            match = re.search(pattern, text)
            if match is not None:
                return kind, match.groupdict()
    return None


def _stamp(line: str, observed_at: str) -> tuple[float | None, float | None, str]:
    """Seconds since boot, seconds since the epoch, and the message."""
    if match := re.match(_KMSG, line):
        return int(match[1]) / 1e6, None, line[match.end() :]
    wall = _epoch(line, observed_at)
    if match := re.search(_MONOTONIC, line[:120]):
        return float(match[1]), wall, line[match.end() :]
    _, found, message = line.partition(" kernel: ")
    return None, wall, message if found else line


def _epoch(text: str, observed_at: str) -> float | None:
    """The line's date; where it names no zone it is taken as UTC, as Azure's images have it."""
    if text[4:5] == "-":
        return _iso(text)
    match = re.match(_CTIME, text) or re.match(_SYSLOG, text)
    if match is None:
        return None
    month, day, clock, *year = match.groups()
    now = _iso(observed_at)
    number = _MONTHS.find(month) // 3 + 1
    found = _iso(f"{year[0] if year else observed_at[:4]}-{number:02}-{int(day):02}T{clock}Z")
    if found is not None and now is not None and not year and found > now + 86400.0:
        return _iso(f"{int(observed_at[:4]) - 1}-{number:02}-{int(day):02}T{clock}Z")
    return found


def _iso(text: str) -> float | None:
    match = re.match(_ISO, text)
    if match is None:
        return None
    from datetime import datetime, timedelta, timezone

    try:
        moment = datetime(*(int(part) for part in match.groups()[:6]), tzinfo=timezone.utc)  # type: ignore[arg-type,misc]
        if match[7]:
            offset = timedelta(hours=int(match[8]), minutes=int(match[9]))
            moment += offset if match[7] == "-" else -offset
        return moment.timestamp()
    except (ValueError, OverflowError):
        return None
