"""The releases that are shipped beside accelnet, as requirements/run.txt pins them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# A requirement counts that one of these asks for: one tree serves every Python that is supported.
PYTHONS = ("3.10", "3.11", "3.12", "3.13")

# The oldest comes last that pip prefers: what runs with an older glibc runs with all.
PLATFORMS = {
    "amd64": ("manylinux2014_x86_64", "manylinux_2_28_x86_64"),
    "arm64": ("manylinux2014_aarch64", "manylinux_2_28_aarch64"),
}


@dataclass(frozen=True, slots=True)
class Pin:
    """One release, and the hashes that its files may have."""

    name: str
    version: str
    hashes: tuple[str, ...]

    @property
    def line(self) -> str:
        """The requirement as pip reads it, without the marker of one interpreter."""
        return " ".join(
            (f"{self.name}=={self.version}", *(f"--hash={digest}" for digest in self.hashes))
        )


def read(path: Path) -> tuple[Pin, ...]:
    """The pins of a requirements file that count for Linux."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return tuple(pin for words in lines if words and (pin := _pin(words)) is not None)


def _pin(words: list[str]) -> Pin | None:
    hashes = tuple(word.removeprefix("--hash=") for word in words if word.startswith("--hash="))
    requirement = Requirement(" ".join(word for word in words if not word.startswith("--hash=")))
    if not any(_counts(requirement, python) for python in PYTHONS):
        return None
    (version,) = requirement.specifier
    return Pin(canonicalize_name(requirement.name), version.version, hashes)


def _counts(requirement: Requirement, python: str) -> bool:
    environment = {
        "sys_platform": "linux",
        "platform_system": "Linux",
        "python_version": python,
        "python_full_version": f"{python}.0",
    }
    return requirement.marker is None or requirement.marker.evaluate(environment)


def fetch(pins: tuple[Pin, ...], architecture: str, folder: Path) -> tuple[Path, ...]:
    """The wheel of each pin for this architecture, in `folder`: fetched where it is not there yet.

    pip compares the hashes.  It is asked for the oldest Python: what is compiled has to be for the
    stable ABI (`tree.vendored` looks after that), and then serves all later ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not all(list(folder.glob(_pattern(pin))) for pin in pins):
        requirements = folder / "requirements.txt"
        requirements.write_text("".join(f"{pin.line}\n" for pin in pins), encoding="utf-8")
        options = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--python-version=3.10"]
        options += [f"--platform={platform}" for platform in PLATFORMS[architecture]]
        options += ["--implementation=cp", "--abi=abi3", "--abi=cp310", "--abi=none"]
        pip = [sys.executable, "-I", "-m", "pip", "download", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, *options, "-r", requirements, "-d", folder], check=True)
    return tuple(next(folder.glob(_pattern(pin))) for pin in pins)


def _pattern(pin: Pin) -> str:
    return f"{pin.name.replace('-', '_')}-{pin.version}-*.whl"
