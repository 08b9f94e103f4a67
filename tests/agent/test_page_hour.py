"""The page's last hour: the plot of the VF's share, and the events."""

from __future__ import annotations

import html
from typing import Any

import pytest

from accelnet_agent import page
from accelnet_agent.page import NicHistory, PastEvent, SharePoint
from accelnet_agent.page_markup import lasting
from accelnet_probes.record import replace
from hours import blind, calm, facts_of, serviced, storm
from reading import parts, shown

NOW = 1_800_000_000.0


def plotted(*points: SharePoint, events: tuple[PastEvent, ...] = ()) -> bytes:
    """The page with an hour of eth1."""
    history = NicHistory(device="eth1", shares=points)
    facts = replace(facts_of("mlx5-healthy"), histories=(history,), events=events, now=NOW)
    return page.render(facts)


def point(ago: float, vf: int | None, past: int | None, seconds: float = 60.0) -> SharePoint:
    """An interval that ended some seconds ago."""
    return SharePoint(at=NOW - ago, seconds=seconds, vf_packets=vf, synthetic_packets=past)


def test_equal_neighbours_are_one_stretch() -> None:
    """Two minutes of 100 %, to the end of the hour."""
    rendered = plotted(point(60, 10, 0), point(0, 20, 0))
    assert parts(rendered, '<path class="line" d="(.*?)"') == ["M3480 0V0H3600"]
    assert parts(rendered, '<path class="by-vf" d="(.*?)"') == ["M3480 100V0H3600V100z"]


def test_a_fall_is_a_step() -> None:
    """From all to a quarter."""
    rendered = plotted(point(60, 10, 0), point(0, 25, 75))
    assert parts(rendered, '<path class="line" d="(.*?)"') == ["M3480 0V0H3540V75H3600"]


def test_clocks_that_differ_a_little_leave_no_gap() -> None:
    """The length of an interval is by one clock, its end by another."""
    rendered = plotted(point(60.8, 10, 0), point(0, 1, 1, seconds=59.6))
    assert parts(rendered, '<path class="line" d="(.*?)"') == ["M3479 0V0H3539V50H3600"]


def test_what_was_not_seen_is_a_gap() -> None:
    """Neither 0 % nor idle: nothing is drawn, and the summary says for how long."""
    rendered = plotted(
        point(3540, 10, 0), point(1800, None, None), point(1740, 5, None), point(0, 1, 0)
    )
    assert len(parts(rendered, '<path class="line"')) == 2
    assert parts(rendered, '<path class="idle"') == []
    assert "100 % of 11 packets in the last hour. Not seen for 58 min." in shown(rendered).replace(
        "\xa0", " "
    )


def test_none_by_the_vf_is_drawn_as_none() -> None:
    """0 % is a line at the bottom, and all above it is the synthetic path's."""
    rendered = plotted(point(0, 0, 10))
    assert parts(rendered, '<path class="line" d="(.*?)"') == ["M3540 100V100H3600"]
    assert parts(rendered, '<path class="past" d="(.*?)"') == ["M3540 0V100H3600V0z"]
    assert "0 % of 10 packets" in shown(rendered).replace("\xa0", " ")


def test_idle_is_not_none() -> None:
    """No traffic has no share."""
    rendered = plotted(point(0, 0, 0))
    assert parts(rendered, '<path class="line"') == []
    assert parts(rendered, '<path class="idle" d="(.*?)"') == ["M3540 97H3600"]
    assert "It sent nothing while it was watched." in shown(rendered)


def test_an_hour_that_nobody_saw_is_empty() -> None:
    """Older points, blind ones, and none at all."""
    assert "Nothing was seen in the last hour." in shown(plotted(point(4000, 5, 5)))
    history, _ = calm("eth1", None, NOW)
    rendered = plotted(*blind(history.shares))
    assert parts(rendered, '<path class="(line|idle)"') == []
    assert "Nothing to plot yet" in shown(page.render(facts_of("mlx5-healthy")))


def test_the_beginning_of_the_hour_cuts_an_interval() -> None:
    """What began before is drawn from there on."""
    rendered = plotted(point(3590, 1, 0, seconds=600))
    assert parts(rendered, '<path class="line" d="(.*?)"') == ["M0 0V0H10"]


def test_the_plot_has_a_table() -> None:
    """A row for five minutes: share, packets, idle, not seen."""
    rendered = plotted(point(3500, 0, 0), point(10, 999, 1, seconds=30))
    (table,) = parts(rendered, 'class="numbers">.*?<tbody>(.*?)</tbody>')
    rows = table.split("</tr>")
    assert len(rows) == 13
    assert "<td>idle</td><td>0</td><td>0</td>" in rows[0]
    assert "<td>not seen</td><td></td><td></td>" in rows[5]
    assert "<td>99.9 %</td><td>999</td><td>1</td>" in rows[11]


def test_the_plot_is_described() -> None:
    """For those who can not see it: from where to where, idle, how many events."""
    rendered = page.render(facts_of("mlx5-healthy", serviced))
    description = html.unescape(parts(rendered, '<desc id="hour-0-desc">(.*?)</desc>')[0])
    assert description.replace("\xa0", " ") == (
        "Between 0 % and 99.9 %, last 99.9 %. 4 events, listed below."
    )
    assert "Idle for 6 min" in page.render(facts_of("mlx5-healthy", calm)).decode()
    assert "No traffic." in plotted(point(4000, 5, 5)).decode()


def marks(rendered: bytes) -> list[str]:
    """Where the plot has marks of events."""
    return parts(rendered, r'<use class="(\w+" href="#m-\w+" x="[\d.]+)%')


def test_events_stand_on_the_time_axis() -> None:
    """What left above, what came below, each where it was; other NICs' have theirs."""
    events = (
        PastEvent(at=NOW - 3601, device="eth1", event="added", vf="v"),
        PastEvent(at=NOW - 1800, device="eth1", event="removed", vf="v"),
        PastEvent(at=NOW - 1799, device="eth1", event="to-synthetic", vf="v"),
        PastEvent(at=NOW - 900, device="eth1", event="renamed", vf="w"),
        PastEvent(at=NOW - 60, device="eth2", event="down", vf="z"),
        PastEvent(at=NOW + 9, device="eth1", event="up", vf="v"),
    )
    assert marks(plotted(point(0, 1, 0), events=events)) == [
        'gone" href="#m-gone" x="50.4',
        'came" href="#m-came" x="75.4',
    ]


def test_a_storm_is_drawn_in_bounds() -> None:
    """One mark for all of a kind within half a minute, however many there were."""
    facts = facts_of("mlx5-healthy", storm)
    assert len(facts.events) == 1800
    assert 100 < len(marks(page.render(facts))) <= 240


def test_events_are_listed_newest_first() -> None:
    """With time, NIC, what happened, and how that is known."""
    words = shown(page.render(facts_of("mlx5-healthy", serviced)))
    assert (
        "18:58:07 eth1 : data path switched to VF enP1s1 18:58:06 eth1 : VF enP1s1 was added"
        in words
    )
    assert "VF enP1s1 was removed · during Freeze (scheduled event)" in words


def test_of_many_events_the_last_are_listed() -> None:
    """And all are counted."""
    rendered = page.render(facts_of("mlx5-healthy", storm))
    words = shown(rendered)
    assert len(parts(rendered, "<li><time")) == 12
    told = "1,800 events: 450 x added, 450 x removed, 450 x data path to the VF and 450 x"
    assert told in words.replace("\N{MULTIPLICATION SIGN}", "x")
    assert "and 1,788 more before these" in words


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("up", "the VF went up"),
        ("down", "the VF went down"),
        ("renamed", "the VF was renamed to the VF"),
    ],
)
def test_an_event_without_the_name_of_its_vf_has_words(event: Any, said: str) -> None:
    """The name may not be known any more."""
    events = (PastEvent(at=NOW, device="eth1", event=event, vf=None),)
    assert said in shown(plotted(events=events))


def test_no_event_is_said_too() -> None:
    """Calm is a result."""
    words = shown(page.render(facts_of("mlx5-healthy", calm)))
    assert "No VF came or went, and no data path was switched." in words


def test_spans_have_their_largest_unit() -> None:
    """Seconds, minutes, hours."""
    assert [lasting(s) for s in (-3, 3.4, 89, 90, 3600, 5399, 7200)] == [
        "0 s",
        "3 s",
        "89 s",
        "2 min",
        "60 min",
        "90 min",
        "2 h",
    ]
