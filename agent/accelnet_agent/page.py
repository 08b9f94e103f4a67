"""The page at `/` for people: one HTML document, which asks for nothing else.

Values in, bytes out.  It is complete without JavaScript, and works under a policy that
allows its own <style> and <script>, data: images and asking its own server again:

    default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline';
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none';
    frame-ancestors 'none'
"""

from __future__ import annotations

import calendar
import os
import time

from accelnet_agent import page_findings, page_hour, page_nics
from accelnet_agent.page_markup import WORDS, favicon, icon, lasting, symbols, text
from accelnet_agent.version import VERSION
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Literal

STALE_SECONDS = 300.0  # then the page says how old it is where the eye falls first
# Those of page.css, for a tab that may be light or dark.
COLOURS = {"pass": "#1a7f37", "warn": "#9a6700", "fail": "#c4232f", "unknown": "#7040c0"}
STARTING = "the agent has just started and has not looked yet"


class SharePoint(Record):
    """What one NIC sent between two observations."""

    at: float  # end of the interval, seconds since the epoch
    seconds: float  # its length
    vf_packets: int | None  # None: not seen
    synthetic_packets: int | None


class NicHistory(Record):
    """The last hour of one NIC, oldest first."""

    device: str
    shares: tuple[SharePoint, ...]


class PastEvent(Record):
    """What happened to a VF or to a data path."""

    at: float  # seconds since the epoch
    device: str  # the NIC
    event: Literal["added", "removed", "up", "down", "renamed", "to-vf", "to-synthetic"]
    vf: str | None
    note: str | None = None  # such as "found by reconciling"


class PageFacts(Record):
    """All that the page shows."""

    document: Mapping[str, Any] | None  # docs/report.schema.json; None: nothing observed yet
    histories: tuple[NicHistory, ...]
    events: tuple[PastEvent, ...]  # of the last hour, oldest first
    now: float  # seconds since the epoch


def render(facts: PageFacts) -> bytes:
    """The whole document, UTF-8."""
    return "".join(_document(facts)).encode()


def _read(file: str) -> str:
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), file)
    with open(path, encoding="utf-8") as opened:
        return opened.read()


STYLE, SCRIPT = _read("page.css"), _read("page.js")


def _document(facts: PageFacts) -> Iterator[str]:
    document = facts.document
    verdict = document["verdict"] if document is not None else "unknown"
    line = page_findings.headline(document) if document is not None else STARTING
    yield (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{WORDS[verdict]}: {text(line, 80)} - accelnet</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<noscript><meta http-equiv="refresh" content="30"></noscript>'
        f'<link rel="icon" href="{favicon(verdict, COLOURS[verdict])}">'
        f"<style>{STYLE}</style></head><body>{symbols()}"
        '<a class="skip-link" href="#main">Skip to what was found</a>'
    )
    yield (
        '<header><p><b>accelnet</b></p><p id="updates" hidden>Kept up to date '
        '<button type="button" id="pause">Pause</button></p></header>'
        '<p id="live" role="status" hidden></p><main id="main" tabindex="-1">'
    )
    yield f'<div id="verdict" class="{verdict}">{icon(verdict)}'
    yield f'<div><h1 aria-live="polite"><span>{WORDS[verdict]}:</span> {text(line)}</h1>'
    yield f"{''.join(_host(facts))}</div></div>"
    if document is not None:
        yield from page_nics.cards(document, facts)
        yield from page_findings.groups(document["findings"])
        yield from page_hour.section(facts)
    else:
        yield "<section><h2>Wait a moment</h2><p>The first look takes some seconds.</p></section>"
    yield "</main>"
    yield from _footer()
    yield f"<script>{SCRIPT}</script></body></html>\n"


def _host(facts: PageFacts) -> Iterator[str]:
    document = facts.document
    if document is None:
        return
    host = document["host"]
    distro = host["distro"]["pretty_name"] or host["distro"]["id"]
    azure = {True: "Azure", False: "not Azure", None: "Azure or not: not known"}[host["azure"]]
    parts = [
        text(distro or "distribution not known", 100),
        f"kernel {text(host['kernel']['release'] or 'not known', 100)}",
        text(host["vm_size"], 100) if host["vm_size"] else azure,
    ]
    yield f'<ul class="host">{"".join(f"<li>{part}</li>" for part in parts)}</ul>'
    yield from _observed(str(document["observed_at"]), facts.now)


def _observed(observed_at: str, now: float) -> Iterator[str]:
    """When, and how long ago that was when the page was made."""
    shown = observed_at[:19].replace("T", " ")
    age = now - calendar.timegm(time.strptime(shown, "%Y-%m-%d %H:%M:%S"))
    stale = ' class="stale"' if age > STALE_SECONDS else ""
    ago = f", {lasting(age)} ago" if age >= 1 else ""
    yield (
        f'<p{stale}>Observed <time datetime="{text(observed_at, 40)}">{text(shown)}</time> '
        f"UTC{ago}</p>"
    )


def _footer() -> Iterator[str]:
    yield (
        f"<footer><p>accelnet {VERSION}, which only ever reads. "
        '<a href="report">This report as JSON</a></p>'
        "<noscript><p>This page is loaded anew every 30 s.</p></noscript></footer>"
    )
