"""docs/failure-modes.md: every check, fixture and test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from accelnet_agent.checks import CHECKS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/failure-modes.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in TEXT.partition("## Remedies carried out")[0].splitlines()
    if line.startswith("| ") and not line.startswith(("| what |", "| | "))
]
MODES = [row for row in ROWS if re.fullmatch(r"F\d+", row[0])]
NO_CHECK = ("not seen", "not judged", "none needed")


def _names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_all_failure_modes_are_there() -> None:
    """F1 to F31, each once, in order."""
    assert [row[0] for row in MODES] == [f"F{number}" for number in range(1, 32)]


@pytest.mark.parametrize("row", [pytest.param(row, id=row[0]) for row in ROWS])
def test_each_check_exists(row: list[str]) -> None:
    """Or the row says that there is none, and why."""
    checks = row[2] if row in MODES else row[1]
    names = _names(checks)
    assert set(names) <= {check.id for check in CHECKS}
    assert names or checks in NO_CHECK


@pytest.mark.parametrize("row", [pytest.param(row, id=row[0]) for row in ROWS])
def test_each_proof_exists(row: list[str]) -> None:
    """A fixture's folder, or a test's function."""
    tests = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/*/test_*.py"))
    proofs = _names(row[-1])
    assert proofs
    for name in proofs:
        fixture = (ROOT / "tests/fixtures" / name / "bundle.json").is_file()
        assert fixture or f"def {name}(" in tests, name


@pytest.mark.parametrize("row", [pytest.param(row, id=row[0]) for row in MODES])
def test_no_cell_is_empty(row: list[str]) -> None:
    """Check, evidence, remedy and proof of each."""
    assert len(row) == 6
    assert all(row)


def test_every_check_stands_for_something() -> None:
    """But those about the distribution and the kernel's number."""
    named = {name for row in ROWS for name in _names(row[2] if row in MODES else row[1])}
    assert {check.id for check in CHECKS} - named == {"kernel-minimum", "os-supported"}


def test_each_remedy_that_was_carried_out_is_one_of_the_testbed() -> None:
    """The table names the faults of tests/testbed/remedies.py, each with its check, and all."""
    section = TEXT.partition("## Remedies carried out")[2].partition("These can not")[0]
    rows = re.findall(r"^\| ([^|]+) \| `([^`]+)` \| cured", section, re.MULTILINE)
    text = (ROOT / "tests/testbed/remedies.py").read_text(encoding="utf-8")
    faults = re.findall(r'Fault\(\s*"([^"]+)",\s*"([^"]+)"', text)
    assert len(rows) > 10
    assert rows == faults
