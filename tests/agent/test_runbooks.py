"""The runbooks: a census over CHECKS, and what an operator's terminal can show."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from accelnet_agent import catalogue
from accelnet_agent.checks import CHECKS

FOLDER = Path(__file__).parents[2] / "docs/runbooks"
IDS = [check.id for check in CHECKS]
HEADINGS = [
    "What it means",
    "Why it matters",
    "What to look at",
    "Remediation",
    "When it is no fault",
    "Sources",
]
STATUSES = ("pass", "fail", "warn", "unknown", "skip")
COLUMNS = 88
# Indented in a numbered list or not; what is in a fence is never taken for a heading.
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)

each_check = pytest.mark.parametrize("check_id", IDS)


def read(check_id: str) -> str:
    """A runbook's text."""
    return (FOLDER / f"{check_id}.md").read_text(encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    """The text below each second-level heading, in order; fences count as text."""
    plain = FENCE.sub(lambda fence: fence[0].replace("#", " "), text)
    parts = re.split(r"^## (.+)\n", plain, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


@each_check
def test_each_check_has_a_runbook(check_id: str) -> None:
    """Every check has a runbook that is called as it is."""
    assert (FOLDER / f"{check_id}.md").is_file()


def test_each_runbook_has_a_check() -> None:
    """No runbook outlives its check."""
    assert {path.name for path in FOLDER.iterdir()} == {f"{check_id}.md" for check_id in IDS}


@each_check
def test_the_title_names_the_check(check_id: str) -> None:
    """The first line is the check's id and what is true when it passes."""
    title, _, rest = read(check_id).partition("\n")
    assert re.fullmatch(rf"# {re.escape(check_id)}: \S.*", title)
    assert rest.startswith("\n## ")


@each_check
def test_the_headings_are_those_of_all_runbooks(check_id: str) -> None:
    """Each runbook has the same headings in the same order."""
    assert list(sections(read(check_id))) == HEADINGS


@each_check
def test_no_section_is_empty(check_id: str) -> None:
    """There is something below each heading."""
    assert [name for name, text in sections(read(check_id)).items() if not text] == []


@each_check
def test_statuses_are_explained_by_their_names(check_id: str) -> None:
    """What it means names the statuses as the report does, and none besides."""
    explained = re.findall(r"^- `(\w+)`: ", sections(read(check_id))["What it means"], re.MULTILINE)
    assert "pass" in explained
    assert set(explained) <= set(STATUSES)
    assert len(explained) == len(set(explained))


@pytest.mark.parametrize("check_id", [check.id for check in CHECKS if check.level == "recommended"])
def test_a_recommended_check_is_not_said_to_fail(check_id: str) -> None:
    """Only a required check can fail, in its runbook too."""
    assert "- `fail`:" not in read(check_id)


@each_check
def test_remediation_is_numbered(check_id: str) -> None:
    """Remedies are numbered from 1 without a gap."""
    numbers = re.findall(r"^(\d+)\. ", sections(read(check_id))["Remediation"], re.MULTILINE)
    assert numbers
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]


@each_check
def test_a_runbook_is_ascii(check_id: str) -> None:
    """A serial console can show it."""
    assert read(check_id).isascii()


@each_check
def test_a_runbook_fits_the_terminal(check_id: str) -> None:
    """No line is longer than the terminal is wide, none ends in a space or holds a tab."""
    lines = read(check_id).split("\n")
    assert [line for line in lines if len(line) > COLUMNS] == []
    assert [line for line in lines if line != line.rstrip() or "\t" in line] == []


@each_check
def test_each_fence_says_what_is_in_it(check_id: str) -> None:
    """Fences hold commands (sh) or output (text), and are closed."""
    text = read(check_id)
    languages = [fence[2] for fence in FENCE.finditer(text)]
    assert set(languages) <= {"sh", "text"}
    assert text.count("```") == 2 * len(languages)


@each_check
def test_its_commands_parse(check_id: str) -> None:
    """The shell accepts every block of commands, indented as the terminal shows it."""
    blocks = [fence[3] for fence in FENCE.finditer(read(check_id)) if fence[2] == "sh"]
    assert blocks
    for block in blocks:
        parsed = subprocess.run(
            ["bash", "-n"], input=block, capture_output=True, text=True, check=False
        )
        assert (parsed.returncode, parsed.stderr) == (0, ""), block


@each_check
def test_the_checks_it_names_exist(check_id: str) -> None:
    """A reference to another check leads somewhere."""
    named = set(re.findall(r"\bsee ((?:[a-z]+-)+[a-z]+)", read(check_id)))
    assert named <= set(IDS)


@each_check
def test_explain_prints_it(check_id: str) -> None:
    """--explain prints the runbook as it is in docs/runbooks."""
    assert catalogue.explain(check_id) == read(check_id)


def test_the_listing_names_each_check_once() -> None:
    """--list-checks has a line for each check, in report order."""
    assert [line.split()[0] for line in catalogue.listing().splitlines()] == IDS
