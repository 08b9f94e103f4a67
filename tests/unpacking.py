"""What scripts/package built, taken apart."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skips, aloud, where one is not there."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"wants {', '.join(missing)}")


def said(*command: str | Path) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def artifact(built: Path, name: str) -> Path:
    """The one whose name matches."""
    (found,) = built.glob(name)
    return found
