"""Both recorders, on the same machines: accelnet's own, and the one for old Pythons.

for python in OLD_PYTHONS: record_with(python, {machine: bundle})
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from accelnet_probes.bundle import BundleHost
from accelnet_probes.observe import observe
from accelnet_probes.recording import Recording, RecordingHost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnet_probes.snapshot import Source

RECORDER = Path(__file__).parents[1] / "recorder/accelnet_record.py"
DRIVER = Path(__file__).parent / "recorder/as_if_live.py"
VERSIONS = ("2.7", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
# Those that the distributions have which it is for, and the newest.
OLD = ("2.7", "3.4", "3.5", "3.6")
# What the recorder reads although accelnet's own may not: all that chooses the kernel that boots
# next, and the modules of every kernel.  The judge then looks at what it needs.
MORE = (
    "root/boot",
    "root/efi",
    "root/vmlinuz",
    "root/lib/modules",
    "root/usr/lib/modules",
    "root/lib",
    "root/usr",
    "root/usr/lib",
    "root/proc",
    "root/proc/cmdline",
    "root/etc/initrd-release",
    "root/sys/module",
    "root/etc/redhat-release",
    "root/etc/centos-release",
    "root/sys/class/dmi/id",
    *(f"root/{folder}/modprobe.d" for folder in ("etc", "run", "usr/local/lib", "usr/lib", "lib")),
    *(f"root/{folder}/udev" for folder in ("etc", "run", "usr/lib", "lib")),
)


@cache
def interpreter(version: str) -> str | None:
    """A Python of that version, on PATH or in a pyenv folder, as .ci/run finds them."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [shutil.which(f"python{version}"), *root.glob(f"versions/{version}.*/bin/python")]
    for candidate in found:
        if candidate is not None and os.access(candidate, os.X_OK):
            ran = subprocess.run([candidate, "-V"], capture_output=True, text=True, check=False)
            if f"{ran.stdout}{ran.stderr}".startswith(f"Python {version}."):
                return str(candidate)
    return None


def python_of(version: str) -> str:
    """The same; the test skips where there is none."""
    found = interpreter(version)
    if found is None:
        pytest.skip(f"no Python {version} on PATH or in a pyenv folder")
    return found


def load(path: Path = RECORDER) -> Any:
    """A file of Python as a module of this Python."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # as_if_live.py imports the recorder by its name
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


class AsIfLive(BundleHost):
    """A machine whose kernel answers what a bundle holds, and whose files lie below its root/."""

    source: Source = "live"


def recorded(machine: Path) -> Recording:
    """What accelnet's own recorder records of a made-up machine."""
    host = RecordingHost(AsIfLive(str(machine)), root=str(machine / "root"))
    observe(host)
    return Recording(host, "accelnet 0.1.0")


def record_with(python: str, bundles: Mapping[Path, Path], **environment: str) -> None:
    """Let the recorder, under that Python, record each machine into its bundle (as_if_live.py)."""
    words = [str(path) for pair in bundles.items() for path in pair]
    ran = subprocess.run(
        [python, str(DRIVER), str(RECORDER), *words],
        capture_output=True,
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
    )
    assert (ran.returncode, ran.stderr) == (0, b"")


Entries = dict[str, tuple[str, bytes]]


def entries_of(bundle: Path) -> Entries:
    """Everything in a bundle's folder: its kind, and its content or target."""
    found: Entries = {}
    for path in bundle.rglob("*"):
        key = str(path.relative_to(bundle))
        if path.is_symlink():
            found[key] = ("link", os.fsencode(path.readlink()))
        elif path.is_dir():
            found[key] = ("folder", b"")
        else:
            found[key] = ("file", path.read_bytes())
    return found


def entries_in(recording: Recording) -> Entries:
    """The same of a recording of accelnet's own."""
    directories, links, files = recording.entries()
    found: Entries = dict.fromkeys(directories, ("folder", b""))
    for key in files:
        parts = key.split("/")
        for count in range(1, len(parts)):
            found["/".join(parts[:count])] = ("folder", b"")
    found |= {key: ("link", os.fsencode(target)) for key, target in links.items()}
    return found | {key: ("file", content) for key, content in files.items()}


def differences(theirs: Entries, ours: Entries) -> list[str]:
    """What accelnet's own recorder kept and the other did not, or otherwise, or beyond `MORE`."""
    found = [f"{key}: {theirs[key]} and {ours.get(key)}" for key in theirs if key not in ours]
    found += [
        f"{key}: {theirs[key]} and {ours[key]}"
        for key in theirs
        if key in ours and theirs[key] != ours[key] and key != "bundle.json"
    ]
    return found + [
        f"{key}: only in ours"
        for key in ours
        if key not in theirs and not any(key == m or key.startswith(m + "/") for m in MORE)
    ]
