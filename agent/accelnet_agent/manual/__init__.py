"""Man pages and shell completion, written from the tables of options.

`python -m accelnet_agent.manual FOLDER` (scripts/man) writes all of them; what
is in the checkout is held to that by a test.
"""

from __future__ import annotations

from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, TypeAlias

    from accelnet_agent.options import Operands, Option

    Value: TypeAlias = Literal["file", "directory", "interface", "check"]


class Section(Record):
    """A section of a page: paragraphs, then terms with what each means."""

    title: str
    paragraphs: tuple[str, ...] = ()
    terms: tuple[tuple[str, str], ...] = ()


class Example(Record):
    """A command, and what it is for."""

    purpose: str
    command: str


class Command(Record):
    """What a man page says of a command beyond its options, and how their values complete."""

    name: str
    section: int
    summary: str  # goes on after "name -"
    changed: str  # the day on which these texts were last written, which a page must name
    description: tuple[str, ...]
    options: tuple[Option, ...]
    values: Mapping[str, Value]  # flag -> what its value names; choices tell themselves
    details: Mapping[str, str] = {}  # flag -> what the help has no room for
    exclusive: tuple[str, ...] = ()  # flags, no two of which go together
    operands: Operands | None = None  # files
    operands_with: str = ""  # the flag that they go with
    sections: tuple[Section, ...] = ()
    examples: tuple[Example, ...] = ()
    see_also: tuple[str, ...] = ()


def literals(option: Option) -> tuple[str, ...]:
    """The words that its value may be: the choices, or what the metavar says in lower case."""
    words = (option.metavar or "").split("|")
    return option.choices or tuple(word for word in words if word.islower())
