"""The deb, as dpkg and lintian see it; its life on a machine is in tests/testbed/deb."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from recorders import python_of
from unpacking import PYTHONS, ROOT, artifact, needs, said

MACHINE = ROOT / "tests/fixtures/vf-down"
pytestmark = needs("dpkg-deb")


@pytest.fixture(name="deb", scope="module")
def fixture_deb(built: Path) -> Path:
    """For amd64."""
    return artifact(built, "*_amd64.deb")


@pytest.fixture(name="root", scope="module")
def fixture_root(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What it has in it."""
    folder = tmp_path_factory.mktemp("deb")
    said("dpkg-deb", "-x", deb, folder)
    said("dpkg-deb", "-e", deb, folder / "DEBIAN")
    return folder


def test_it_says_what_it_needs(deb: Path) -> None:
    """The interpreter's version, and no library of Debian's own Python."""
    fields = said("dpkg-deb", "-f", deb, "Package", "Version", "Architecture", "Depends")
    assert "Version: 0.1.0-1\n" in fields
    assert "python3 (>= 3.10)" in fields
    assert "python3-" not in fields


def test_it_has_all_that_belongs_to_a_service(root: Path) -> None:
    """Commands, units, account, preset, settings, manuals, completions, documents."""
    expected = (
        *("usr/bin/accelnet-agent", "usr/bin/accelnet-check"),
        *(
            f"usr/lib/systemd/system/accelnet-{unit}"
            for unit in ("agent.service", "agent.socket", "check.service", "check.timer")
        ),
        "usr/lib/sysusers.d/accelnet.conf",
        "usr/lib/systemd/system-preset/90-accelnet.preset",
        "etc/default/accelnet-agent",
        *("usr/share/man/man1/accelnet-check.1.gz", "usr/share/man/man8/accelnet-agent.8.gz"),
        "usr/share/bash-completion/completions/accelnet-check",
        "usr/share/zsh/vendor-completions/_accelnet-agent",
        "usr/share/fish/vendor_completions.d/accelnet-check.fish",
        *(f"usr/share/doc/accelnet/{name}" for name in ("copyright", "changelog.gz", "README.md")),
        "usr/share/doc/accelnet/docs/runbooks/vf-paired.md",
        "usr/share/doc/accelnet/docs/fleet-report.schema.json",
    )
    assert [path for path in expected if not (root / path).exists()] == []


def test_settings_that_were_changed_are_kept(root: Path) -> None:
    """dpkg asks before it replaces them."""
    assert (root / "DEBIAN/conffiles").read_text().split() == ["/etc/default/accelnet-agent"]


def test_files_are_root_s_and_nobody_else_may_write_them(deb: Path) -> None:
    """Nor is any setuid."""
    for line in said("dpkg-deb", "-c", deb).splitlines():
        mode, owner = line.split()[:2]
        assert owner == "root/root", line
        assert mode.startswith("l") or (mode[5] == mode[8] == "-" and "s" not in mode), line


@needs("lintian")
def test_lintian_has_nothing_to_say(deb: Path) -> None:
    """But for what the overrides give a reason for."""
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", deb],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


@needs("shellcheck")
def test_its_scripts_are_sound() -> None:
    """By shellcheck."""
    scripts = [*(ROOT / "package/deb").glob("p*"), *(ROOT / "package/rpm").iterdir()]
    assert len(scripts) == 7
    said("shellcheck", *scripts)


@pytest.mark.parametrize("version", PYTHONS)
def test_what_is_in_it_runs_on_each_python(root: Path, version: str) -> None:
    """With nothing of the tests' own environment."""
    start = (
        "import sys; sys.path.append(sys.argv.pop(1)); from accelnet_agent.{} import main; main()"
    )
    library = root / "usr/lib/accelnet"
    python = [python_of(version), "-IS", "-c"]
    check = [*python, start.format("cli"), str(library), "--bundle", str(MACHINE)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.stdout == (MACHINE / "report.txt").read_text(encoding="utf-8")
    code = "import sys; sys.path.append(sys.argv[1]); " + "; ".join(
        f"import {name}"
        for name in ("accelnet_agent.serve", "psutil", "bcrypt", "yaml", "tornado.web", "pyroute2")
    )
    said(*python, code, library)
