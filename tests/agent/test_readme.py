"""README.md: what it shows is what the tool says, and where it leads is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("machine", ["mlx5-healthy", "vf-without-driver"])
def test_the_output_that_it_shows_is_real(machine: str) -> None:
    """Word for word the report of a fixture."""
    report = (ROOT / "tests/fixtures" / machine / "report.txt").read_text(encoding="utf-8")
    assert report.rstrip() in README


def test_every_link_leads_somewhere() -> None:
    """Relative links are files or folders of the project."""
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
