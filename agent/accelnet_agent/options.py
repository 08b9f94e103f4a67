"""A table of options, and the scanner that reads a command line by it.

Both commands have such a table, which help, man pages, completion and tests read too.
It is scanned here because importing argparse costs as much as all of `uname -r; lspci`
(docs/performance.md); argparse itself renders the help from the same table, and the
tests hold the scanner to its results.
"""

from __future__ import annotations

from accelnet_agent.report import UsageError
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Iterable, Sequence
    from typing import Any

MAX_SECONDS = 86_400.0
COLUMNS = 80


class Option(Record):
    """One option; without a metavar it is a switch."""

    flag: str
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    repeatable: bool = False
    seconds: float | None = None  # its default; the value is a number of seconds
    most: int | None = None  # the value is a whole number, from 0 to this

    @property
    def name(self) -> str:
        """The field that it sets."""
        return self.flag[2:].replace("-", "_").replace(".", "_")


class Operands(Record):
    """What a command takes beside options."""

    name: str  # the field that they set
    metavar: str
    help: str


def scan(
    arguments: Sequence[str], options: Sequence[Option], operands: Operands | None = None
) -> dict[str, Any]:
    """The values of the options (and operands) that are there, by name; UsageError."""
    by_flag = {option.flag: option for option in options}
    by_flag |= {"-h": by_flag["--help"]}
    values: dict[str, Any] = {}
    words = list(arguments)[::-1]
    while words:
        word = words.pop()
        if operands is not None and (word == "--" or word[:1] != "-" or word == "-"):
            more = (word,) if word != "--" else tuple(words[::-1])
            values[operands.name] = (*values.get(operands.name, ()), *more)
            words = words if word != "--" else []
            continue
        flag, equals, value = word.partition("=")
        option = by_flag.get(flag)
        if option is None:
            hint = meant(flag, list(by_flag))
            raise UsageError(f"unrecognized argument: {flag}{equals}{value}{hint}")
        if option.metavar is None:
            if equals:
                raise UsageError(f"{flag}: expected no value")
            values[option.name] = True
            continue
        if not equals:
            if not words or words[-1] in by_flag:
                raise UsageError(f"{flag}: expected {option.metavar}")
            value = words.pop()
        found = value_of(option, option.flag, value)
        values[option.name] = (*values.get(option.name, ()), found) if option.repeatable else found
    return values


def value_of(option: Option, said: str, text: str) -> str | float | int:
    """The value that `text` stands for; UsageError names it as `said`."""
    if option.seconds is not None:
        return _seconds(said, text)
    if option.most is not None:
        return _count(said, text, option.most)
    if option.choices and text not in option.choices:
        raise UsageError(f"{said} {text}: expected {', '.join(option.choices)}")
    return text


def _seconds(said: str, text: str) -> float:
    try:
        value = float(text) if text.isascii() and "_" not in text else -1.0
    except ValueError:
        value = -1.0
    if not 0 <= value <= MAX_SECONDS:  # NaN fails both
        raise UsageError(f"{said} {text}: expected seconds from 0 to {MAX_SECONDS:g}")
    return value


def _count(said: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10) or int(text) > most:
        raise UsageError(f"{said} {text}: expected a count from 0 to {most}")
    return int(text)


def meant(name: str, names: list[str]) -> str:
    """What was probably meant, in brackets."""
    from difflib import get_close_matches

    found = get_close_matches(name.lower().replace("_", "-"), names, n=1)
    where = "see --help" if names[0].startswith("-") else "--list-checks names them"
    return f" (did you mean {found[0]}?)" if found else f" ({where})"


def add_to(
    parser: argparse.ArgumentParser, options: Iterable[Option], alone: Collection[str] = ()
) -> None:
    """Let argparse know the options; no two of `alone` (names) go together."""
    from functools import partial

    sources = parser.add_mutually_exclusive_group() if alone else parser
    for option in options:
        group = sources if option.name in alone else parser
        flags = [option.flag] if option.flag != "--help" else ["-h", option.flag]
        if option.metavar is None:
            group.add_argument(*flags, dest=option.name, action="store_true", help=option.help)
            continue
        add = partial(
            group.add_argument,
            *flags,
            dest=option.name,
            metavar=option.metavar,
            help=option.help,
        )
        if option.repeatable:
            add(action="append", default=[], choices=option.choices or None)
        else:
            number = option.seconds is not None or option.most is not None
            add(choices=option.choices or None, type=float if number else str)
