"""The words and signs that all parts of the page are made of.

Whatever comes from the machine goes through `text()` (or `command()`), which leaves nothing
that a browser would take for markup, that turns the direction of writing, or that has no end.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NAME, SENTENCE, COMMAND = 40, 500, 2000  # characters that are shown; IFNAMSIZ is 16
WORDS = {
    "pass": "Pass",
    "warn": "Warning",
    "fail": "Fail",
    "unknown": "Unknown",
    "skip": "Skipped",
}
WORST_FIRST = ("fail", "unknown", "warn", "pass", "skip")

# A shape for each status, so that no colour is needed to tell them apart.  24 x 24.
_SHAPES = {
    "pass": '<circle cx="12" cy="12" r="11"/><path class="sign" d="M6.8 12.4l3.6 3.6 6.8-7.6"/>',
    "warn": '<path d="M12 1.5a1.6 1.6 0 0 1 1.4.8l9.6 17.8a1.6 1.6 0 0 1-1.4 2.4H2.4A1.6 1.6 0 0 1 '
    '1 20.1l9.6-17.8a1.6 1.6 0 0 1 1.4-.8z"/><path class="sign" d="M12 8.5v6M12 18.4v.1"/>',
    "fail": '<path d="M7.4 1h9.2L23 7.4v9.2L16.6 23H7.4L1 16.6V7.4z"/>'
    '<path class="sign" d="M8 8l8 8M16 8l-8 8"/>',
    "unknown": '<path d="M12 .6L23.4 12 12 23.4.6 12z"/>'
    '<path class="sign" d="M9.4 9.6a2.7 2.7 0 1 1 4 2.3c-.9.6-1.4 1-1.4 2M12 17.2v.1"/>',
    "skip": '<circle cx="12" cy="12" r="10" class="hollow"/><path class="sign" d="M7.5 12h9"/>',
}
_BEGINNINGS = {"a", "all", "an", "both", "each", "no", "none", "the", "this", "whether", "where"}
_HTML = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "`": "&#96;"}
)


def text(value: object, limit: int = SENTENCE) -> str:
    """What comes from a machine, for HTML: escaped, one line, of `limit` characters at most."""
    return _visible(clip(value, limit)).translate(_HTML).replace(" %", "&#160;%")


def clip(value: object, limit: int = NAME) -> str:
    """At most so many characters; not escaped."""
    signs = str(value)
    return signs if len(signs) <= limit else signs[: limit - 1] + "…"


def sentence(value: str) -> str:
    """The same with a capital, where it surely begins with a word and not with a name."""
    first = value.partition(" ")[0]
    return text(value[:1].upper() + value[1:] if first in _BEGINNINGS else value)


def name(value: object) -> str:
    """The name of a device, escaped."""
    return text(value, NAME)


def command(line: str) -> str:
    """A line to copy, escaped: whole, for half a command is another one."""
    if len(line) > COMMAND:
        return "# too long to be shown: accelnet-check prints it"
    return "\t".join(map(_visible, line.split("\t"))).translate(_HTML)


def _visible(signs: str) -> str:
    """Controls, marks of direction and halves of surrogates stand as what they are not."""
    if signs.isprintable():
        return signs
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in signs)


def icon(status: str) -> str:
    """The shape of a status; what it means stands in words beside it."""
    return (
        f'<svg class="icon {status}" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">'
        f'<use href="#i-{status}"/></svg>'
    )


def symbols() -> str:
    """The shapes, for `icon` to use."""
    shapes = "".join(
        f'<symbol id="i-{status}" viewBox="0 0 24 24">{shape}</symbol>'
        for status, shape in _SHAPES.items()
    )
    return (
        f'<svg class="symbols" width="0" height="0" aria-hidden="true">{shapes}<defs>'
        '<path id="m-gone" d="M-5 0H5L0 9z"/><path id="m-came" d="M-5 9H5L0 0z"/></defs></svg>'
    )


def favicon(status: str, colour: str) -> str:
    """The shape of a status as a `data:` URI."""
    shape = _SHAPES[status].replace(
        'class="sign"', "fill='none' stroke='#fff' stroke-width='2.4' stroke-linecap='round'"
    )
    image = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'>"
        f"<g fill='{colour}'>{shape}</g></svg>"
    ).replace('"', "'")
    for sign, code in (("%", "%25"), ("#", "%23"), ("<", "%3C"), (">", "%3E"), (" ", "%20")):
        image = image.replace(sign, code)
    return f"data:image/svg+xml,{image}"


def worst(statuses: Iterable[str]) -> str | None:
    """The one that matters most; None of none."""
    return min(statuses, key=WORST_FIRST.index, default=None)


def clock(at: float, *, seconds: bool = True) -> str:
    """The time of day, UTC."""
    return time.strftime("%H:%M:%S" if seconds else "%H:%M", time.gmtime(at))


def stamp(at: float) -> str:
    """A moment as <time>, UTC."""
    machine = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    return f'<time datetime="{machine}">{clock(at)}</time>'


def lasting(seconds: float) -> str:
    """A span of time in its largest unit."""
    whole = max(0, round(seconds))
    if whole < 90:
        return f"{whole} s"
    if whole < 90 * 60:
        return f"{round(whole / 60)} min"
    return f"{round(whole / 3600)} h"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1,234 packets`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def joined(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
