"""Man pages and completions: what is in the checkout follows from the tables of options."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from accelnet_agent.checks import CHECKS
from accelnet_agent.manual import Command, Section, literals
from accelnet_agent.manual.__main__ import main
from accelnet_agent.manual.agent import AGENT
from accelnet_agent.manual.check import CHECK
from accelnet_agent.manual.page import page
from accelnet_agent.options import Option
from accelnet_agent.report import EXIT_STATUS
from accelnet_agent.version import VERSION

CHECKOUT = Path(__file__).parents[2]
PAGES = sorted((CHECKOUT / "docs/man").iterdir())
FOLDERS = ("docs/man", "completions")
COMMANDS = pytest.mark.parametrize("command", [CHECK, AGENT], ids=lambda command: command.name)
EACH = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)


def _a_command(**changes: object) -> Command:
    values: dict[str, object] = {
        "name": "a-command",
        "section": 1,
        "summary": "do it",
        "changed": "2026-11-25",
        "description": ("It does it.",),
        "options": (Option(flag="--it", help="what to do"),),
        "values": {},
    }
    return Command(**{**values, **changes})  # type: ignore[arg-type]


def test_what_is_in_the_checkout_is_current(tmp_path: Path) -> None:
    """`scripts/man` would change nothing."""
    main(str(tmp_path))
    for folder in FOLDERS:
        written = {path.name: path.read_text() for path in (tmp_path / folder).iterdir()}
        there = {path.name: path.read_text() for path in (CHECKOUT / folder).iterdir()}
        assert there == written, f"run scripts/man: {folder} is not current"


@COMMANDS
def test_a_page_describes_each_option_once(command: Command) -> None:
    """In the order of the table, which is that of --help."""
    options = page(command).partition(".SH OPTIONS\n")[2].partition("\n.SH ")[0]
    flags = re.findall(r"^\.TP\n(?:\\fB\\-h\\fR, )?\\fB(\S+?)\\fR", options, re.MULTILINE)
    assert [flag.replace("\\-", "-") for flag in flags] == [o.flag for o in command.options]


@COMMANDS
def test_what_is_said_of_an_option_is_said_of_one_that_there_is(command: Command) -> None:
    """Details, values, and what excludes each other."""
    flags = {option.flag for option in command.options}
    assert {*command.details, *command.values, *command.exclusive} <= flags


@COMMANDS
def test_the_value_of_each_option_is_known_or_not_to_be_guessed(command: Command) -> None:
    """A new option with a value completes, or is named here as one that can not."""
    free = {
        "--wait",
        "--window",
        "--stale-after",
        "--web.listen-address",
        "--web.telemetry-path",
        "--web.max-requests",
        "--vf-grace",
    }
    valued = {option.flag for option in command.options if option.metavar is not None}
    told = {option.flag for option in command.options if literals(option)} | set(command.values)
    assert valued - told <= free


def test_the_page_of_the_check_tells_its_statuses_and_checks() -> None:
    """Every verdict with its number, every check by its id."""
    terms = {section.title: dict(section.terms) for section in CHECK.sections}
    for verdict, status in EXIT_STATUS.items():
        assert terms["EXIT STATUS"][str(status)].startswith(verdict)
    assert list(terms["CHECKS"]) == [check.id for check in CHECKS]


@EACH
def test_a_page_names_its_version(path: Path) -> None:
    """And the day of its text, without which mandoc complains."""
    title = next(line for line in path.read_text().splitlines() if line.startswith(".TH"))
    assert re.fullmatch(
        rf'\.TH [A-Z-]+ {path.suffix[1:]} \d{{4}}-\d\d-\d\d "accelnet {VERSION}" "accelnet"', title
    )


@EACH
@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_mandoc_has_nothing_to_say(path: Path) -> None:
    """Not even of style."""
    found = subprocess.run(
        ["mandoc", "-Tlint", "-Wall", str(path)], check=False, capture_output=True, timeout=60
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")


@EACH
@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_groff_has_nothing_to_say(path: Path) -> None:
    """With all its warnings."""
    found = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", str(path)],
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert (found.returncode, found.stderr) == (0, b"")


@EACH
@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_a_flag_can_be_copied_from_the_page(path: Path) -> None:
    """Its hyphens are ASCII, whatever the terminal, and no line's end breaks it."""
    shown = subprocess.run(
        ["mandoc", "-Tutf8", str(path)], check=True, capture_output=True, timeout=60
    )
    text = re.sub(r".\x08", "", shown.stdout.decode())
    command = next(command for command in (CHECK, AGENT) if command.name == path.stem)
    for option in command.options:
        assert re.search(rf"(?m)^ +(?:-h, )?{re.escape(option.flag)}\b", text)


def test_signs_that_a_formatter_takes_for_its_own_are_escaped() -> None:
    """Backslash, quote, and a point that begins a line."""
    command = _a_command(
        description=(".TH is no title",),
        sections=(Section(title="FILES", terms=((".profile", "the user's \\ own"),)),),
    )
    lines = page(command).splitlines()
    assert "\\&.TH is no title" in lines
    assert ".B \\&.profile" in lines
    assert "the user\\(aqs \\(rs own" in lines


def test_options_that_exclude_each_other_share_brackets() -> None:
    """In the synopsis."""
    options = tuple(Option(flag=flag, help="x") for flag in ("--a", "--b", "--c"))
    synopsis = page(_a_command(options=options, exclusive=("--a", "--b"))).splitlines()
    first = synopsis.index("[\\fB\\-\\-a\\fR")
    assert synopsis[first : first + 3] == [
        "[\\fB\\-\\-a\\fR",
        "| \\fB\\-\\-b\\fR]",
        "[\\fB\\-\\-c\\fR]",
    ]


def test_words_to_be_typed_are_bold() -> None:
    """A name that stands for a value is italic."""
    options = (Option(flag="--imds", metavar="URL|off", help="x"),)
    assert "\\fB\\-\\-imds\\fR \\fIURL\\fR|\\fBoff\\fR" in page(_a_command(options=options))
