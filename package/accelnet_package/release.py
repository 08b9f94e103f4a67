"""The version that is built, and the moment that its files are said to be from."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path


class ReleaseError(Exception):
    """What is released can not be told."""


def version(checkout: Path) -> str:
    """The version, as pyproject.toml takes it too."""
    text = (checkout / "agent/accelnet_agent/version.py").read_text(encoding="utf-8")
    found = re.search(r'^VERSION = "(.+)"$', text, re.MULTILINE)
    if found is None:
        raise ReleaseError("agent/accelnet_agent/version.py names no VERSION")
    return found[1]


def epoch(checkout: Path) -> int:
    """SOURCE_DATE_EPOCH, or the date of the last commit, or that of the last release."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given:
        if not given.isdecimal():
            raise ReleaseError(f"SOURCE_DATE_EPOCH={given} is no number of seconds")
        return int(given)
    if (checkout / ".git").exists():
        command = ["git", "-C", str(checkout), "log", "-1", "--format=%ct"]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    changelog = (checkout / "CHANGELOG.md").read_text(encoding="utf-8")
    dated = re.search(r"^## \[.+\] - (\d{4}-\d\d-\d\d)$", changelog, re.MULTILINE)
    if dated is None:
        raise ReleaseError("no git checkout and no dated release: set SOURCE_DATE_EPOCH")
    day = datetime.strptime(dated[1], "%Y-%m-%d").replace(tzinfo=timezone.utc)
    return int(day.timestamp())
