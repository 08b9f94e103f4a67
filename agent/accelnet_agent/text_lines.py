"""Lines for people: what comes from a machine made harmless, words and commands wrapped.  Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

COLOURS = {"pass": "32", "warn": "33", "fail": "31", "unknown": "35", "skip": "2"}


def paint(text: str, status: str, *, colour: bool) -> str:
    """In the colour of a status."""
    return f"\x1b[1;{COLOURS[status]}m{text}\x1b[0m" if colour else text


def clean(text: object) -> str:
    """What comes from a machine, safe for a terminal: ASCII, no control characters."""
    return "".join(
        sign if " " <= sign <= "~" else "?" if sign.isprintable() else " " for sign in str(text)
    )


def wrapped(text: str, first: str, indent: int, columns: int) -> Iterator[str]:
    """Words in lines of at most `columns`; `first` stands before the first and counts `indent`."""
    line, room = "", columns - indent
    for word in text.split():
        if line and len(line) + 1 + len(word) > room:
            yield first + line
            line, first = word, " " * indent
        else:
            line = f"{line} {word}" if line else word
    yield first + line


def filled(text: str, first: str, indent: int, columns: int) -> Iterator[str]:
    """Wrapped, and a word that is longer than a line is cut into lines."""
    room = columns - indent
    words = [word[at : at + room] for word in text.split() for at in range(0, len(word), room)]
    return wrapped(" ".join(words), first, indent, columns)


def command(text: str, indent: int, columns: int) -> Iterator[str]:
    """A command to copy: broken only at spaces outside quotes, with a backslash."""
    line, more = "", indent + 2
    for word in _shell_words(text):
        if line and len(line) + 1 + len(word) > columns - indent - 2:
            yield " " * indent + line + " \\"
            line, indent = word, more
        else:
            line = f"{line} {word}" if line else word
    yield " " * indent + line


def _shell_words(text: str) -> Iterator[str]:
    word, quote = "", ""
    for sign in text:
        if sign == " " and not quote:
            if word:
                yield word
            word = ""
            continue
        if sign in "\"'" and quote in ("", sign):
            quote = "" if quote else sign
        word += sign
    if word:
        yield word


def counted(count: int, what: str) -> str:
    """ "1 VM", "9,988 VMs"."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")
