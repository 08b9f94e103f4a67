"""A NIC and its VF as a drawing: two boxes, two ways to the network, the one in use thick.

Drawn 330 wide and never much smaller or larger, so that its words are as large as the page's
on a phone too.  Each box is an <svg> of its own, which clips what is too long for it.
"""

from __future__ import annotations

from accelnet_agent.page_markup import name, text
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

WIDTH = 330
NIC_BOTTOM, DEVICE_TOP, DEVICE_BOTTOM, NETWORK_TOP = 60, 108, 204, 244
DIRECT_TOP = 124  # of the network, where there is nothing between
VF_X, VF_WIDTH = 1, 180
VMBUS_X, VMBUS_WIDTH = 195, 134
VF_LINE, VMBUS_LINE = 60, 264


class Box(Record):
    """A device: its name, its state at the right, more lines below."""

    title: str
    lines: tuple[str, ...]
    state: str | None = None
    trouble: bool = False  # the state is why nothing goes by it
    shape: Literal["solid", "dashed", "absent"] = "solid"


class Way(Record):
    """From the NIC over a device to the network."""

    use: Literal["now", "idle", "maybe", "none"]
    label: str | None = None
    broken: Literal["above", "below"] | None = None


VMBUS = Box(title="VMBus", lines=("synthetic path",))


class Drawing(Record):
    """What is drawn of one NIC."""

    key: str  # makes its ids unique on the page
    status: str  # the colour of the way in use
    title: str
    description: str
    nic: Box
    vf: Box | None  # None: a direct NIC, which is all there is
    vf_way: Way
    vmbus_way: Way | None
    network: str


def svg(drawing: Drawing) -> str:
    """The drawing as SVG, with its title and description for those who can not see it."""
    return "".join(_parts(drawing))


def _parts(drawing: Drawing) -> Iterable[str]:
    key, direct = drawing.key, drawing.vf is None
    bottom = DIRECT_TOP if direct else NETWORK_TOP
    yield (
        f'<svg class="drawing {drawing.status}" role="img" viewBox="0 0 {WIDTH} {bottom + 38}" '
        f'width="{WIDTH}" height="{bottom + 38}" aria-labelledby="{key}-title {key}-desc">'
        f'<title id="{key}-title">{text(drawing.title)}</title>'
        f'<desc id="{key}-desc">{text(drawing.description)}</desc>'
    )
    yield from _way(drawing.vf_way, VF_LINE, direct=direct)
    if drawing.vmbus_way is not None:
        yield from _way(drawing.vmbus_way, VMBUS_LINE)
        now = drawing.vmbus_way.use == "now"
        yield from _box(
            VMBUS, VMBUS_X, DEVICE_TOP, VMBUS_WIDTH, DEVICE_BOTTOM - DEVICE_TOP, now=now
        )
    if drawing.vf is not None:
        now = drawing.vf_way.use == "now"
        yield from _box(drawing.vf, VF_X, DEVICE_TOP, VF_WIDTH, DEVICE_BOTTOM - DEVICE_TOP, now=now)
    yield from _box(drawing.nic, 1, 1, WIDTH - 2, NIC_BOTTOM - 1, now=direct)
    yield (
        f'<rect class="network" x="1" y="{bottom}" width="{WIDTH - 2}" height="36" rx="18"/>'
        f'<text class="network" x="{WIDTH // 2}" y="{bottom + 23}" text-anchor="middle">'
        f"{drawing.network}</text></svg>"
    )


def _box(box: Box, x: int, y: int, width: int, height: int, *, now: bool) -> Iterable[str]:
    look = f"{box.shape} now" if now else box.shape
    yield (
        f'<svg x="{x}" y="{y}" width="{width}" height="{height}">'
        f'<rect class="box {look}" x="1" y="1" width="{width - 2}" height="{height - 2}" '
        'rx="8"/>'
    )
    if box.shape == "absent":
        for number, line in enumerate((box.title, *box.lines)):
            yield (
                f'<text class="more" x="{width // 2}" y="{height // 2 - 2 + 18 * number}" '
                f'text-anchor="middle">{text(line, 40)}</text>'
            )
        yield "</svg>"
        return
    yield f'<text class="name" x="14" y="26">{name(box.title)}</text>'
    if box.state is not None:
        trouble = " trouble" if box.trouble else ""
        yield (
            f'<text class="state{trouble}" x="{width - 14}" y="26" text-anchor="end">'
            f"{name(box.state)}</text>"
        )
    for number, line in enumerate(box.lines):
        yield f'<text class="more" x="14" y="{46 + 18 * number}">{text(line, 60)}</text>'
    yield "</svg>"


def _way(way: Way, x: int, *, direct: bool = False) -> Iterable[str]:
    """The line above the device and the one below it; broken, with a cross in the gap."""
    if way.use == "none" and way.broken is None:
        return
    spans = [(NIC_BOTTOM, DEVICE_TOP), (DEVICE_BOTTOM, NETWORK_TOP)]
    if direct:
        spans = [(NIC_BOTTOM, DIRECT_TOP)]
    for number, (top, bottom) in enumerate(spans):
        if way.broken == ("above", "below")[number]:
            middle = (top + bottom) // 2
            ends = f"M{x} {top}V{middle - 9}M{x} {middle + 9}V{bottom}"
            yield f'<path class="way broken" d="{ends}"/>'
            yield f'<path class="cross" d="M{x - 5} {middle - 5}l10 10m0 -10l-10 10"/>'
        elif way.use == "now" and number == len(spans) - 1:
            yield f'<path class="way now" d="M{x} {top}V{bottom - 9}"/>'
            yield f'<path class="head" d="M{x - 9} {bottom - 12}h18l-9 11z"/>'
        else:
            yield f'<path class="way {way.use}" d="M{x} {top}V{bottom}"/>'
    if way.label is not None:
        yield _label(way, x)


def _label(way: Way, x: int) -> str:
    """At the right of the line, or at its left where there is no more room."""
    middle = (
        DEVICE_BOTTOM + NETWORK_TOP if way.broken == "below" else NIC_BOTTOM + DEVICE_TOP
    ) // 2
    anchor, at = ("end", x - 14) if x > WIDTH // 2 else ("start", x + 14)
    label = text(way.label, 30)
    if way.use != "now":
        trouble = " trouble" if way.broken else ""
        return (
            f'<text class="label{trouble}" x="{at}" y="{middle + 4}" text-anchor="{anchor}">'
            f"{label}</text>"
        )
    left = at - 82 if anchor == "end" else at
    return (
        f'<rect class="pill" x="{left}" y="{middle - 12}" width="82" height="24" rx="12"/>'
        f'<text class="pill" x="{left + 41}" y="{middle + 4}" text-anchor="middle">{label}</text>'
    )
