"""What a package puts where: a pure function of the checkout's files and of the wheels."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LIBRARY = "/usr/lib/accelnet"
DOCUMENTS = "/usr/share/doc/accelnet"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, or what else a package owns."""

    path: str
    data: bytes = b""
    mode: int = 0o644
    kind: str = ""  # as nfpm names it: "" is a file, "config|noreplace", "dir", "symlink"


@dataclass(frozen=True, slots=True)
class Family:
    """What distributions do differently."""

    python: str  # the interpreter, by its path
    zsh: str  # where zsh looks for completions of packages


def entries(checkout: Path, wheels: tuple[Path, ...], own: Path, family: Family) -> list[Entry]:
    """All of a package but what only one family of distributions has, in the order of paths."""
    found = [*_libraries(wheels), *_own(own, family), *_commands(checkout, family)]
    found += [*_systemd(checkout), *_documents(checkout)]
    return sorted(found, key=lambda entry: entry.path)


def members(wheel: Path) -> Iterator[tuple[str, bytes]]:
    """The files of a wheel, but for the list of them, which no installer wrote."""
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if not name.endswith(("/", ".dist-info/RECORD")):
                yield name, archive.read(name)


def wanted(name: str) -> bool:
    """Whether a vendored file is of use: no tests, no C sources.

    PyYAML's extension is left out too: it is the one file that is not for the stable ABI, and
    PyYAML does without it.
    """
    parts = name.split("/")
    return not (
        (len(parts) > 2 and parts[1] in {"test", "tests"})
        or name.startswith(("yaml/_yaml.", "_yaml/"))
        or name.endswith((".c", ".h", ".pyx"))
    )


def _libraries(wheels: tuple[Path, ...]) -> Iterator[Entry]:
    for wheel in wheels:
        for name, data in members(wheel):
            if not wanted(name):
                continue
            if name.endswith(".so") and not name.endswith(".abi3.so"):
                raise ValueError(f"{wheel.name}: {name} is for one version of Python only")
            yield Entry(f"{LIBRARY}/{name}", data)


def _own(wheel: Path, family: Family) -> Iterator[Entry]:
    for name, data in members(wheel):
        _, is_data, below = name.partition(".data/data/")
        if not is_data:
            yield Entry(f"{LIBRARY}/{name}", data)
        elif "/man/" in below:
            yield Entry(f"/usr/{below}.gz", compressed(data))
        elif "/zsh/" in below:
            yield Entry(f"{family.zsh}/{below.rpartition('/')[2]}", data)
        else:
            yield Entry(f"/usr/{below}", data)


def _commands(checkout: Path, family: Family) -> Iterator[Entry]:
    for name in ("accelnet-agent", "accelnet-check"):
        text = (checkout / "package/files" / name).read_text(encoding="utf-8")
        data = text.replace("@PYTHON@", family.python).encode()
        yield Entry(f"/usr/bin/{name}", data, mode=0o755)


def _systemd(checkout: Path) -> Iterator[Entry]:
    folder = checkout / "systemd"
    for unit in sorted(
        (*folder.glob("*.service"), *folder.glob("*.socket"), *folder.glob("*.timer"))
    ):
        yield Entry(f"/usr/lib/systemd/system/{unit.name}", unit.read_bytes())
    preset = folder / "90-accelnet.preset"
    yield Entry(f"/usr/lib/systemd/system-preset/{preset.name}", preset.read_bytes())
    yield Entry("/usr/lib/sysusers.d/accelnet.conf", (folder / "accelnet.sysusers").read_bytes())
    settings = (folder / "accelnet.env").read_bytes()
    yield Entry("/etc/default/accelnet-agent", settings, kind="config|noreplace")
    yield Entry("/etc/accelnet", mode=0o755, kind="dir")


def _documents(checkout: Path) -> Iterator[Entry]:
    yield Entry(f"{DOCUMENTS}/README.md", (checkout / "README.md").read_bytes())
    for page in sorted((checkout / "docs").glob("*.*")):
        yield Entry(f"{DOCUMENTS}/docs/{page.name}", page.read_bytes())
    runbooks = "../../../../lib/accelnet/accelnet_agent/runbooks"
    yield Entry(f"{DOCUMENTS}/docs/runbooks", runbooks.encode(), kind="symlink")


def compressed(data: bytes) -> bytes:
    """`gzip -9n`: no name and no time."""
    return gzip.compress(data, 9, mtime=0)
