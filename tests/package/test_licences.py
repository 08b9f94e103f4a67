"""The table of what is shipped beside accelnet, held against what the wheels say."""

from __future__ import annotations

import re
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from accelnet_package.components import COMPONENTS
from unpacking import ROOT


@pytest.fixture(name="wheels", scope="module")
def fixture_wheels(built: Path) -> dict[str, Path]:
    """Those that were shipped, by the release's name."""
    assert built.is_dir()
    found = (ROOT / ".venv-package/wheels/amd64").glob("*.whl")
    return {path.name.partition("-")[0].replace("_", "-"): path for path in found}


def _read(wheel: Path, pattern: str) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if re.search(pattern, name)}


def test_every_release_is_in_the_table(wheels: dict[str, Path]) -> None:
    """And no other."""
    assert wheels.keys() == COMPONENTS.keys()


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_licence_is_one_that_the_release_names(wheels: dict[str, Path], name: str) -> None:
    """In its metadata: as an expression, or by the words of older ones."""
    (metadata,) = _read(wheels[name], r"\.dist-info/METADATA$").values()
    about = message_from_bytes(metadata)
    said = " ".join(
        [
            str(about["License-Expression"]),
            str(about["License"])[:60],
            *(value for value in about.get_all("Classifier", []) if "License" in value),
        ]
    )
    words: dict[str, str] = {"GPL": "GPL|GNU General", "PSF": "PSF|Python Software"}
    for licence in re.findall(r"Apache|BSD|MIT|GPL|PSF", COMPONENTS[name].licence):
        pattern = words.get(licence) or licence
        assert re.search(pattern, said), said


@pytest.mark.parametrize("name", COMPONENTS)
def test_the_text_of_a_licence_is_in_the_wheel(wheels: dict[str, Path], name: str) -> None:
    """Where Debian has none of its own."""
    for _, file in COMPONENTS[name].texts:
        assert _read(wheels[name], rf"\.dist-info/{re.escape(file)}$")


@pytest.mark.parametrize("name", COMPONENTS)
def test_crates_are_those_that_are_linked_in(wheels: dict[str, Path], name: str) -> None:
    """By the paths of their sources in the extension."""
    found: set[tuple[str, str]] = set()
    for data in _read(wheels[name], r"\.so$").values():
        found |= {
            (crate.decode(), version.decode())
            for crate, version in re.findall(rb"/([a-z0-9_-]+)-(\d+\.\d+\.\d+)/src/", data)
        }
    listed = {(crate.name, crate.version) for crate in COMPONENTS[name].crates}
    assert found <= listed
    assert bool(found) == bool(listed)
