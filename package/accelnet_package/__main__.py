"""scripts/package: builds what was asked for into one folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

from accelnet_package import bill, debian, nfpm, pins, redhat, release, single, wheels

CHECKOUT = Path(__file__).parents[2]
UNUSABLE = 64


class Build:
    """One run: what several targets need is made once."""

    def __init__(self, out: Path, work: Path) -> None:
        self.out, self.work = out, work
        self.epoch, self.version = release.epoch(CHECKOUT), release.version(CHECKOUT)

    @cached_property
    def own(self) -> Path:
        """accelnet's wheel."""
        folder = self.work / "own"
        folder.mkdir()
        return wheels.build(CHECKOUT, "wheel", folder)

    def vendored(self, architecture: str) -> tuple[Path, ...]:
        """The wheels that a package of this architecture has in it."""
        pinned = pins.read(CHECKOUT / "requirements/run.txt")
        return pins.fetch(pinned, architecture, Path(sys.prefix, "wheels", architecture))

    def bill(self, artifact: Path, vendored: tuple[Path, ...]) -> Iterator[Path]:
        """The artifact, and the bill beside it."""
        yield artifact
        yield bill.write(artifact, vendored, self.version, self.epoch)


def wheel(build: Build) -> Iterator[Path]:
    """The wheel, which pip installs with what it asks for."""
    yield Path(shutil.copy(build.own, build.out))


def sdist(build: Build) -> Iterator[Path]:
    """The sources from which pip builds that wheel."""
    folder = build.work / "sdist"
    folder.mkdir()
    yield Path(shutil.copy(wheels.build(CHECKOUT, "sdist", folder), build.out))


def deb(build: Build) -> Iterator[Path]:
    """One for each architecture."""
    for architecture in pins.PLATFORMS:
        vendored = build.vendored(architecture)
        package = debian.package(
            CHECKOUT, vendored, build.own, architecture, build.version, build.epoch
        )
        yield from build.bill(_packed(build, package, f"deb-{architecture}"), vendored)


def rpm(build: Build) -> Iterator[Path]:
    """One for each architecture and line of distributions."""
    for architecture in pins.PLATFORMS:
        vendored = build.vendored(architecture)
        for of in redhat.RELEASES:
            package = redhat.package(CHECKOUT, vendored, build.own, architecture, build.version, of)
            yield from build.bill(_packed(build, package, f"{of.tag}-{architecture}"), vendored)


def pyz(build: Build) -> Iterator[Path]:
    """accelnet-check as one file, the same for each architecture."""
    vendored = single.needed(build.vendored(next(iter(pins.PLATFORMS))))
    yield from build.bill(single.build(build.own, vendored, build.out), vendored)


def recorder(build: Build) -> Iterator[Path]:
    """The recorder for old Pythons, as it is."""
    yield Path(shutil.copy(CHECKOUT / "recorder/accelnet_record.py", build.out))


TARGETS: dict[str, Callable[[Build], Iterator[Path]]] = {
    target.__name__: target for target in (deb, rpm, pyz, wheel, sdist, recorder)
}


def _packed(build: Build, package: nfpm.Package, name: str) -> Path:
    scratch = build.work / name
    (scratch / "out").mkdir(parents=True)
    nfpm.build(package, build.epoch, scratch, scratch / "out")
    (packed,) = (scratch / "out").iterdir()
    return Path(shutil.copy(packed, build.out))


def main(arguments: list[str]) -> int:
    """Build what was asked for, and say what it is."""
    *targets, folder = arguments or [""]
    unknown = [name for name in targets if name not in TARGETS]
    if unknown or not folder or folder.startswith("-") or folder in TARGETS:
        wrong = f"{unknown[0]} is no target" if unknown else "the folder is missing"
        usage = f"scripts/package [{'|'.join(TARGETS)} ...] FOLDER"
        print(f"scripts/package: error: {wrong}; usage: {usage}", file=sys.stderr)
        return UNUSABLE
    os.umask(0o022)
    out = Path(folder)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as temporary:
            build = Build(out, Path(temporary))
            built = [path for name in targets or TARGETS for path in TARGETS[name](build)]
    except (OSError, release.ReleaseError) as error:
        print(f"scripts/package: error: {error}", file=sys.stderr)
        return UNUSABLE
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in built]
    (out / "SHA256SUMS").write_text("".join(f"{line}\n" for line in sums), encoding="ascii")
    print("\n".join(sums))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
