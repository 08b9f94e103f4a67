"""A man page in the macros of man(7), which groff and mandoc both render."""

from __future__ import annotations

import re

from accelnet_agent.manual import literals
from accelnet_agent.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelnet_agent.manual import Command, Section
    from accelnet_agent.options import Option

COLUMNS = 80  # of the source: mandoc complains of longer lines
_MINUS = r"\-"
_SENTENCES = re.compile(r"(?<=[a-z)0-9][.?]) (?=[A-Z])")
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z.-]*[a-z]")
# Signs that a formatter would take for its own, or make typographic.
_SIGNS = {"\\": r"\(rs", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}


def page(command: Command) -> str:
    """The whole page, ASCII, with a final newline."""
    return "".join(f"{line}\n" for line in _lines(command))


def _lines(command: Command) -> Iterator[str]:
    yield f'.\\" Written by scripts/man from the options of {command.name}.'
    title = f"{command.name.upper()} {command.section} {command.changed}"
    yield f'.TH {title} "accelnet {VERSION}" "accelnet"'
    yield from (".if n .ad l", ".nh")  # a flag is not to be broken
    yield from (".SH NAME", f"{_typed(command.name)} \\- {_escaped(command.summary)}")
    yield from _synopsis(command)
    yield ".SH DESCRIPTION"
    yield from _paragraphs(command.description)
    yield ".SH OPTIONS"
    for option in command.options:
        yield from (".TP", _usage(option), *_described(option, command))
    for section in command.sections:
        yield from _section(section)
    if command.examples:
        yield ".SH EXAMPLES"
    for number, example in enumerate(command.examples):
        yield from (*((".PP",) if number else ()), _prose(example.purpose), ".PP", ".RS 4", ".EX")
        yield from (_typed(line) for line in example.command.split("\n"))
        yield from (".EE", ".RE")
    yield from (".SH SEE ALSO", ",\n".join(_reference(name) for name in command.see_also))


def _synopsis(command: Command) -> Iterator[str]:
    """Each option once; those that exclude each other between the same brackets."""
    yield from (".SH SYNOPSIS", f".B {_typed(command.name)}")
    together = [option for option in command.options if option.flag in command.exclusive]
    for option in together:
        first, last = option is together[0], option is together[-1]
        yield f"{'[' if first else '| '}{_usage(option, short=False)}{']' if last else ''}"
    for option in command.options:
        if option not in together:
            more = "..." if option.repeatable else ""
            yield f"[{_usage(option, short=False)}]{more}"
    if command.operands is not None:
        yield f"[\\fI{_typed(command.operands.metavar)}\\fR ...]"


def _described(option: Option, command: Command) -> Iterator[str]:
    yield _sentence(option)
    if option.flag in command.details:
        yield _prose(command.details[option.flag])


def _section(section: Section) -> Iterator[str]:
    yield f".SH {section.title}"
    yield from _paragraphs(section.paragraphs)
    for term, meaning in section.terms:
        yield from (".TP", f".B {_typed(term)}", _prose(meaning))


def _paragraphs(paragraphs: tuple[str, ...]) -> Iterator[str]:
    for number, text in enumerate(paragraphs):
        yield from (*((".PP",) if number else ()), _prose(text))


def _usage(option: Option, *, short: bool = True) -> str:
    flag = f"\\fB{_typed(option.flag)}\\fR"
    if short and option.flag == "--help":
        flag = f"\\fB\\-h\\fR, {flag}"
    return flag if option.metavar is None else f"{flag} {_metavar(option)}"


def _metavar(option: Option) -> str:
    """Words to be typed are bold, others italic."""
    words = (option.metavar or "").split("|")
    typed = literals(option)
    return "|".join(f"\\f{'B' if word in typed else 'I'}{_typed(word)}\\fR" for word in words)


def _reference(name: str) -> str:
    title, bracket, section = name.partition("(")
    return f".BR {_typed(title)} {bracket}{section}"


def _sentence(option: Option) -> str:
    """A help text is a phrase; a page has sentences.  A word to be typed stays as it is."""
    first, rest = option.help[0], option.help[1:]
    typed = option.help.split()[0] in literals(option)
    return _prose(f"{first if typed else first.upper()}{rest}.")


def _prose(text: str) -> str:
    """Running text: each sentence begins a line, none is too long, flags are bold."""
    sentences = _SENTENCES.sub("\n", text).split("\n")
    return "\n".join(line for sentence in sentences for line in _filled(sentence))


def _filled(text: str) -> Iterator[str]:
    line = ""
    for plain in text.split():
        word = _FLAG.sub(_bold, _escaped(plain))
        if line and len(line) + 1 + len(word) > COLUMNS:
            yield _line(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield _line(line)


def _bold(flag: re.Match[str]) -> str:
    return f"\\fB{flag[0].replace('-', _MINUS)}\\fR"


def _typed(text: str) -> str:
    """What is typed as it stands: its hyphens are minus signs, to be copied."""
    return _line(_escaped(text).replace("-", _MINUS))


def _escaped(text: str) -> str:
    return "".join(_SIGNS.get(sign, sign) for sign in text)


def _line(text: str) -> str:
    """A line that begins with a point would be a request."""
    return f"\\&{text}" if text.startswith(".") else text
