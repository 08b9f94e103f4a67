"""The kernel log as a witness: lines in, events out.

The messages are those of drivers/net/hyperv/netvsc_drv.c and netvsc.c, the
PCI and VF drivers, and drivers/base/dd.c.  Names in them are those of their
moment: a VF is eth1 before udev renames it.  No line proves that nothing
happened: logs wrap, and rate limits drop.
"""

from __future__ import annotations

import re

from accelnet_probes.log_patterns import KEYWORDS, PATTERNS
from accelnet_probes.record import replace
from accelnet_probes.snapshot import KernelLog, LogEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WORDS = tuple(dict.fromkeys(words for _, words, _ in PATTERNS))
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
    text = content[-MAX_LOG:].decode("utf-8", "replace")
    first = _stamp_from(text, observed_at, 1)
    last = _stamp_from(text, observed_at, -1) or 0.0
    for raw in _candidates(text):
        event = _event(raw[:_MAX_LINE], uptime, observed_at)
        if event is not None:
            events.append(event)
    return KernelLog(
        events=tuple(
            event if event.uptime is None else replace(event, min_age=max(last - event.uptime, 0.0))
            for event in events
        ),
        starts_at_boot=first is not None and first < _BOOT,
    )


def _event(line: str, uptime: float | None, observed_at: str) -> LogEvent | None:
    """What a line tells, and when; None where it tells nothing."""
    found = _match(line)
    if found is None:
        return None
    at, wall, message = _stamp(line, observed_at)
    age = None
    if at is not None and uptime is not None:
        age = max(uptime - at, 0.0)
    elif wall is not None and (now := _iso(observed_at)) is not None:
        age = max(now - wall, 0.0)
    kind, fields = found
    return LogEvent(
        kind=kind,
        line=message[:300],
        nic=fields.get("nic"),
        guid=fields.get("guid"),
        vf=fields.get("vf"),
        pci_address=fields.get("pci"),
        detail=fields.get("detail"),
        uptime=at,
        age=age,
    )


def _candidates(text: str) -> Iterator[str]:
    """The lines that hold the words of some pattern, in order.

    Found word by word in the whole text: most lines of a log hold none, and are never looked at.
    """
    starts: set[int] = set()
    for words in _WORDS:
        at = text.find(words)
        while at >= 0:
            starts.add(text.rfind("\n", 0, at) + 1)
            end = text.find("\n", at)
            at = text.find(words, end) if end >= 0 else -1
    for start in sorted(starts):
        end = text.find("\n", start)
        yield text[start : end if end >= 0 else len(text)].rstrip("\r")


def _stamp_from(text: str, observed_at: str, step: int) -> float | None:
    """Seconds since boot of the first line that says them, or with a step of -1 of the last."""
    at = 0 if step > 0 else len(text)
    while 0 <= at <= len(text):
        if step > 0:
            end = text.find("\n", at)
            line, at = text[at : end if end >= 0 else len(text)], end + 1 if end >= 0 else -1
        else:
            start = text.rfind("\n", 0, at) + 1
            line, at = text[start:at], start - 1
        found, _, _ = _stamp(line[:_MAX_LINE], observed_at)
        if found is not None:
            return found
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
