"""This checkout as an operator has it: a wheel in a clean environment, compiled."""

from __future__ import annotations

from pathlib import Path

import measuring
from measuring import CHECKOUT

REQUIREMENTS = CHECKOUT / "requirements/run.txt"
_QUIET = ("--quiet", "--disable-pip-version-check", "--no-input")


def install(python: str, folder: Path) -> Path:
    """The `bin` of a fresh environment with our wheel, and with the pinned requirements."""
    builder, clean, wheels = folder / "build", folder / "clean", folder / "wheels"
    for environment in (builder, clean):
        measuring.run([python, "-I", "-m", "venv", str(environment)])
    pip = str(builder / "bin" / "pip")
    measuring.run([pip, "wheel", *_QUIET, "--no-deps", "--wheel-dir", str(wheels), str(CHECKOUT)])
    pip = str(clean / "bin" / "pip")
    wheel = str(next(wheels.glob("accelnet-*.whl")))
    for what in (["--require-hashes", "--requirement", str(REQUIREMENTS)], [wheel]):
        measuring.run([pip, "install", *_QUIET, "--compile", "--no-deps", *what])
    return clean / "bin"
