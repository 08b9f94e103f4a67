"""What scripts/package builds, once for all tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _build(folder: Path, *, umask: int, **environment: str) -> Path:
    done = subprocess.run(
        [ROOT / "scripts/package", folder],
        cwd=folder.parent,
        env={**os.environ, **environment},
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(name="built", scope="session")
def fixture_built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every artifact."""
    return _build(tmp_path_factory.mktemp("package") / "built", umask=0o022)


@pytest.fixture(name="again", scope="session")
def fixture_again(built: Path) -> Path:
    """Another, by somebody whose umask, locale and time zone are others."""
    return _build(built.parent / "again", umask=0o077, TZ="Asia/Tokyo", LC_ALL="C.UTF-8", HOME="/")
