"""The report for Nagios, Icinga and their kin: one line, and the exit status.

The form is that of the Monitoring Plugins Development Guidelines: the text, a
`|`, and performance data `'label'=value[UOM];[warn];[crit];[min];[max]`.  The
exit status says OK, WARNING, CRITICAL or UNKNOWN to the monitor; the word says
the same to people.
"""

from __future__ import annotations

from accelnet_agent.summary import leading, reason, share_of
from accelnet_agent.text_lines import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accelnet_agent.machine import Nic
    from accelnet_agent.report import Report

WORDS = {"pass": "OK", "warn": "WARNING", "fail": "CRITICAL", "unknown": "UNKNOWN"}
STATUSES = ("pass", "warn", "fail", "unknown", "skip")
MOST_TEXT = 400  # characters: a line of a status page, an SMS or three
MOST = 1023  # NRPE before version 3 hands on so many bytes, and cuts what is longer


def render(report: Report) -> str:
    """The line; where it would grow too long, the last performance data are left out whole."""
    line = f"ACCELNET {WORDS[report.verdict]} - {_text(report)}"
    line = line if len(line) <= MOST_TEXT else f"{line[: MOST_TEXT - 3].rstrip()}..."
    between = " | "
    for datum in _performance(report):
        if len(line) + len(between) + len(datum) > MOST:
            break
        line, between = f"{line}{between}{datum}", " "
    return f"{line}\n"


def _text(report: Report) -> str:
    """What the monitor takes for performance data begins at the first `|`."""
    worst = leading(report)
    check = f"{worst[0].check} {worst[0].subject}: " if worst else ""
    return " ".join(clean(f"{check}{reason(report)}").replace("|", "/").split())


def _performance(report: Report) -> Iterator[str]:
    for status in STATUSES:
        count = sum(finding.status == status for finding in report.findings)
        yield f"{_label(status)}={count};;;0"
    seconds = report.machine.snapshot.window_seconds
    if seconds is not None:
        yield f"{_label('window')}={seconds:g}s;;;0"
    for nic in report.machine.nics:
        yield from _traffic(nic)


def _traffic(nic: Nic) -> Iterator[str]:
    """How much went by the VF, and what was sent in the window; nothing for what is not known."""
    share = share_of(nic)
    if share is not None:
        yield f"{_label(f'{nic.name}_vf_share')}={share.percent:.1f}%;;;0;100"
    growth: Mapping[str, int | None] = nic.window.growth if nic.window is not None else {}
    for name in ("vf_tx_packets", "synthetic_tx_packets"):
        if growth.get(name) is not None:
            yield f"{_label(f'{nic.name}_{name}')}={growth[name]};;;0"


def _label(text: str) -> str:
    """Quoted; without what the guidelines forbid in a label (= and ') and what ends the text."""
    allowed = "".join("_" if sign in "='|" else sign for sign in clean(text))
    return f"'{allowed}'"
