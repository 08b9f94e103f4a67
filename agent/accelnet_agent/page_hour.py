"""The last hour: a plot for each NIC, and what happened to the VFs."""

from __future__ import annotations

from accelnet_agent import page_plot
from accelnet_agent.page_markup import count, joined, name, stamp, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from accelnet_agent.page import PageFacts, PastEvent

LISTED = 12
# event -> what it says of one, and of many
EVENTS = {
    "added": ("{vf} was added", "added"),
    "removed": ("{vf} was removed", "removed"),
    "up": ("{vf} went up", "up"),
    "down": ("{vf} went down", "down"),
    "renamed": ("the VF was renamed to {vf}", "renamed"),
    "to-vf": ("data path switched to {vf}", "data path to the VF"),
    "to-synthetic": ("data path switched to the synthetic path", "data path to the synthetic path"),
}


def section(facts: PageFacts) -> Iterator[str]:
    """Everything that is known of the last hour."""
    yield '<section aria-labelledby="hour"><h2 id="hour">The last hour</h2>'
    if not facts.histories:
        yield '<p class="card quiet">Nothing to plot yet: that takes two observations.</p>'
    for number, history in enumerate(facts.histories):
        yield from page_plot.figure(f"hour-{number}", history, facts.events, facts.now)
    yield from _events(facts.events)
    yield "</section>"


def _events(events: Sequence[PastEvent]) -> Iterator[str]:
    yield '<div class="card" id="events"><h3>Events</h3>'
    if not events:
        yield '<p class="quiet">No VF came or went, and no data path was switched.</p></div>'
        return
    if len(events) > LISTED:
        yield f"<p>{count(len(events), 'event')}: {_summary(events)}.</p>"
    yield '<ol class="events" reversed>'
    for event in events[: -LISTED - 1 : -1]:
        yield from _event(event)
    yield "</ol>"
    if len(events) > LISTED:
        yield f'<p class="quiet">and {len(events) - LISTED:,} more before these</p>'
    yield "</div>"


def _event(event: PastEvent) -> Iterator[str]:
    kind = "gone" if event.event in page_plot.GONE else "came"
    vf = f"VF {event.vf}" if event.vf else "the VF"
    words = EVENTS[event.event][0].format(vf=vf)
    yield (
        f'<li>{stamp(event.at)}<svg width="12" height="10" aria-hidden="true">'
        f'<use class="{kind}" href="#m-{kind}" x="6" y="1"/></svg><span>'
        f"<b>{name(event.device)}</b>: {text(words, 100)}"
    )
    if event.note:
        yield f' <span class="quiet">· {text(event.note, 200)}</span>'
    yield "</span></li>"


def _summary(events: Iterable[PastEvent]) -> str:
    numbers: dict[str, int] = {}
    for event in events:
        numbers[event.event] = numbers.get(event.event, 0) + 1
    return joined(
        [
            f"{numbers[event]:,} &#215; {words}"
            for event, (_, words) in EVENTS.items()
            if event in numbers
        ]
    )
