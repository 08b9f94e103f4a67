"""The VF's share of what a NIC sent in the last hour: a plot, and the same as a table.

The plot is as wide as the page lets it be: what is drawn is stretched, what is written and the
marks of events stand at percentages of the width and keep their size.
"""

from __future__ import annotations

import math

from accelnet_agent.page_markup import clock, count, lasting, name, text
from accelnet_agent.summary import percent
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from accelnet_agent.page import NicHistory, PastEvent, SharePoint

HOUR = 3600.0
TOP, TALL = 8, 120  # of the plot, in pixels
TICK = 900.0  # a time of day every quarter of an hour
ROW = 300.0  # of the table
BIN = 30.0  # events so close to one another are one mark
TOUCHING = 2.0  # seconds: two intervals without a gap, by clocks that are not quite the same
GONE = ("removed", "down", "to-synthetic")


class Span(Record):
    """A stretch of the hour, in seconds from its start, and the VF's share in it."""

    start: float
    end: float
    share: float | None  # None: idle


def figure(key: str, history: NicHistory, events: Sequence[PastEvent], now: float) -> Iterator[str]:
    """The plot of one NIC with its heading, legend and table."""
    own = [event for event in events if event.device == history.device]
    seen = _within(history.shares, now)
    yield (
        f'<figure class="card hour" id="{key}"><figcaption><h3>VF share of what '
        f"<bdi>{name(history.device)}</bdi> sent</h3><p>{_summary(seen)}</p></figcaption>"
    )
    yield from _plot(key, history.device, seen, own, now)
    yield from _legend(events=bool(own))
    yield from _table(key, seen, now)
    yield "</figure>"


def _within(points: Iterable[SharePoint], now: float) -> list[SharePoint]:
    return [point for point in points if now - HOUR < point.at <= now + TOUCHING]


def _sent(points: Iterable[SharePoint]) -> tuple[int, int]:
    """By the VF and past it, in the intervals where both were seen."""
    seen = [(p.vf_packets, p.synthetic_packets) for p in points]
    both = [(vf, past) for vf, past in seen if vf is not None and past is not None]
    return sum(vf for vf, _ in both), sum(past for _, past in both)


def _summary(points: Sequence[SharePoint]) -> str:
    if not points:
        return "Nothing was seen in the last hour."
    sent, past = _sent(points)
    unseen = HOUR - sum(
        p.seconds for p in points if None not in (p.vf_packets, p.synthetic_packets)
    )
    words = f"Not seen for {lasting(unseen)}." if unseen > HOUR / 60 else ""
    if not sent + past:
        return f"It sent nothing while it was watched. {words}"
    return f"{percent(sent, past)} of {count(sent + past, 'packet')} in the last hour. {words}"


def _spans(points: Iterable[SharePoint], now: float) -> list[Span]:
    """What is to be drawn, oldest first; equal neighbours are one."""
    spans: list[Span] = []
    for point in points:
        vf, past = point.vf_packets, point.synthetic_packets
        if vf is None or past is None:
            continue
        end = min(point.at - now + HOUR, HOUR)
        start = max(end - point.seconds, 0.0)
        share = vf / (vf + past) if vf + past else None
        if spans and abs(spans[-1].end - start) <= TOUCHING:
            start = spans[-1].end
            if spans[-1].share == share:
                start = spans.pop().start
        spans.append(Span(start=start, end=end, share=share))
    return spans


def _runs(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """Spans with traffic, without a gap between them."""
    run: list[Span] = []
    for span in spans:
        if run and (span.share is None or span.start != run[-1].end):
            yield run
            run = []
        if span.share is not None:
            run.append(span)
    if run:
        yield run


def _plot(
    key: str, device: str, points: Sequence[SharePoint], events: Sequence[PastEvent], now: float
) -> Iterator[str]:
    spans = _spans(points, now)
    foot = TOP + TALL + (52 if events else 22)
    yield (
        f'<svg class="plot" role="img" width="100%" height="{foot + 6}" '
        f'aria-labelledby="{key}-title {key}-desc"><title id="{key}-title">'
        f"VF share of what {name(device)} sent, {clock(now - HOUR, seconds=False)} to "
        f'{clock(now, seconds=False)} UTC</title><desc id="{key}-desc">'
        f"{_description(spans, events)}</desc>"
    )
    yield f'<rect class="ground" x="0" y="{TOP}" width="100%" height="{TALL}"/>'
    yield from _axes(now, foot)
    yield (
        f'<svg x="0" y="{TOP}" width="100%" height="{TALL}" viewBox="0 0 3600 100" '
        'preserveAspectRatio="none">'
    )
    for run in _runs(spans):
        line = "".join(f"V{_y(span.share)}H{span.end:.0f}" for span in run)
        start = f"{run[0].start:.0f}"
        yield f'<path class="past" d="M{start} 0{line}V0z"/>'
        yield f'<path class="by-vf" d="M{start} 100{line}V100z"/>'
        yield f'<path class="line" d="M{start} {_y(run[0].share)}{line}"/>'
    idle = [(f"{span.start:.0f}", f"{span.end:.0f}") for span in spans if span.share is None]
    if idle:
        ground = "".join(f"M{start} 0H{end}V100H{start}z" for start, end in idle)
        line = "".join(f"M{start} 97H{end}" for start, end in idle)
        yield f'<path class="seen" d="{ground}"/><path class="idle" d="{line}"/>'
    yield "</svg>"
    yield from _marks(events, now)
    yield "</svg>"


def _y(share: float | None) -> str:
    return f"{100 - 100 * (share or 0.0):.1f}".removesuffix(".0")


def _axes(now: float, foot: int) -> Iterator[str]:
    for share in (100, 50, 0):
        y = TOP + TALL * (100 - share) / 100
        yield f'<line class="grid" x1="0" x2="100%" y1="{y:g}" y2="{y:g}"/>'
        yield f'<text x="-8" y="{y + 4:g}" text-anchor="end">{share} %</text>'
    at = math.ceil((now - HOUR) / TICK) * TICK
    while at <= now:
        x = _x(at, now)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{TOP + TALL}"/>'
        yield f'<text x="{x}" y="{foot}" text-anchor="middle">{clock(at, seconds=False)}</text>'
        at += TICK


def _x(at: float, now: float) -> str:
    return f"{100 * (at - now + HOUR) / HOUR:.2f}".rstrip("0").rstrip(".") + "%"


def _marks(events: Iterable[PastEvent], now: float) -> Iterator[str]:
    """What went above, what came below: one mark for all within half a minute."""
    seen: set[tuple[bool, int]] = set()
    for event in events:
        age = now - event.at
        if not 0 <= age <= HOUR:
            continue
        gone, bin_ = event.event in GONE, int((HOUR - age) / BIN)
        if (gone, bin_) in seen:
            continue
        seen.add((gone, bin_))
        mark, y = ("gone", TOP + TALL + 8) if gone else ("came", TOP + TALL + 22)
        x = f"{100 * (bin_ + 0.5) * BIN / HOUR:.1f}%"
        yield f'<use class="{mark}" href="#m-{mark}" x="{x}" y="{y}"/>'


def _description(spans: Sequence[Span], events: Sequence[PastEvent]) -> str:
    shares = [span.share for span in spans if span.share is not None]
    words = [
        f"Between {_share(min(shares))} and {_share(max(shares))}, last {_share(shares[-1])}."
        if shares
        else "No traffic."
    ]
    idle = sum(span.end - span.start for span in spans if span.share is None)
    if idle:
        words.append(f"Idle for {lasting(idle)}.")
    if events:
        words.append(f"{count(len(events), 'event')}, listed below.")
    return text(" ".join(words))


def _share(share: float) -> str:
    whole = round(share * 1_000_000)
    return percent(whole, 1_000_000 - whole)


def _legend(*, events: bool) -> Iterator[str]:
    yield (
        '<ul class="legend"><li><i class="by-vf"></i>by the VF</li>'
        '<li><i class="past"></i>by the synthetic path</li><li><i class="idle"></i>idle</li>'
        '<li><i class="unseen"></i>not seen</li>'
    )
    if events:
        yield (
            '<li><svg width="12" height="10" aria-hidden="true"><use class="gone" href="#m-gone" '
            'x="6" y="1"/></svg>VF or data path left</li>'
            '<li><svg width="12" height="10" aria-hidden="true"><use class="came" href="#m-came" '
            'x="6" y="1"/></svg>came, or came back</li>'
        )
    yield "</ul>"


def _table(key: str, points: Sequence[SharePoint], now: float) -> Iterator[str]:
    yield (
        f'<details id="{key}-table"><summary>As a table</summary><div class="scroll">'
        '<table class="numbers"><thead><tr><th scope="col">From (UTC)</th>'
        '<th scope="col">VF share</th><th scope="col">Packets by it</th>'
        '<th scope="col">Past it</th></tr></thead><tbody>'
    )
    for number in range(int(HOUR / ROW)):
        start = now - HOUR + number * ROW
        own = [p for p in points if start <= p.at - p.seconds / 2 < start + ROW]
        seen = [p for p in own if None not in (p.vf_packets, p.synthetic_packets)]
        sent, past = _sent(seen)
        share = (percent(sent, past) if sent + past else "idle") if seen else "not seen"
        numbers = f"<td>{sent:,}</td><td>{past:,}</td>" if seen else "<td></td><td></td>"
        yield (
            f'<tr><th scope="row">{clock(start, seconds=False)}</th><td>{share}</td>{numbers}</tr>'
        )
    yield "</tbody></table></div></details>"
