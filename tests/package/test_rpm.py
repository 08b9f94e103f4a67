"""The rpm, as rpm sees it, and what its scriptlets do."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from unpacking import ROOT, artifact, needs, said

pytestmark = needs("rpm", "cpio")
LINES = pytest.mark.parametrize(
    ("tag", "python"), [("el9", "/usr/bin/python3.11"), ("el10", "/usr/bin/python3")]
)


def _asked(rpm: Path, *what: str) -> str:
    return said("rpm", "-qp", "--nosignature", *what, rpm)


@LINES
def test_it_asks_for_its_interpreter(built: Path, tag: str, python: str) -> None:
    """RHEL 9's AppStream has 3.11; RHEL 10 and Fedora have a newer one of their own."""
    requires = _asked(artifact(built, f"*.{tag}.x86_64.rpm"), "--requires").splitlines()
    wanted = python if tag == "el9" else "python3 >= 3.12"
    assert wanted in requires
    assert [one for one in requires if "python" in one] == [wanted]


@LINES
def test_its_commands_start_with_that_interpreter(built: Path, tag: str, python: str) -> None:
    """Whatever python3 is."""
    rpm = artifact(built, f"*.{tag}.x86_64.rpm")
    for name in ("accelnet-check", "accelnet-agent"):
        command = f"rpm2cpio {rpm} | cpio -i --quiet --to-stdout ./usr/bin/{name}"
        if not re.search(r"\./usr", said("sh", "-c", f"rpm2cpio {rpm} | cpio -t --quiet")):
            command = command.replace("./usr", "usr")
        assert said("sh", "-c", command).startswith(f"#!{python} -IS\n")


@needs("dpkg-deb")
def test_it_has_what_the_deb_has(built: Path) -> None:
    """But for the places that distributions have of their own, and dpkg's files."""
    deb = said("dpkg-deb", "-c", artifact(built, "*_amd64.deb"))
    of_deb = {line.split(None, 5)[5].split(" -> ")[0].lstrip(".") for line in deb.splitlines()}
    of_rpm = set(_asked(artifact(built, "*.el9.x86_64.rpm"), "--list").splitlines())
    files = {path for path in of_deb if not path.endswith("/")}
    missing = {path.replace("/vendor-completions/", "/site-functions/") for path in files} - of_rpm
    assert missing == {
        "/usr/share/doc/accelnet/changelog.Debian.gz",
        "/usr/share/doc/accelnet/changelog.gz",
        "/usr/share/lintian/overrides/accelnet",
        "/usr/share/python3/runtime.d/accelnet.rtupdate",
    }


def test_settings_are_marked_and_documents_too(built: Path) -> None:
    """So that an upgrade leaves what was changed, and --nodocs leaves documents out."""
    rpm = artifact(built, "*.el9.x86_64.rpm")
    assert _asked(rpm, "--configfiles").split() == ["/etc/default/accelnet-agent"]
    assert "/usr/share/doc/accelnet/README.md" in _asked(rpm, "--docfiles").split()
    flags = _asked(rpm, "--queryformat", "[%{FILENAMES} %{FILEFLAGS:fflags}\n]")
    assert "/etc/default/accelnet-agent cn\n" in flags


def test_it_owns_its_folders(built: Path) -> None:
    """rpm leaves those behind that no package owns."""
    listed = set(_asked(artifact(built, "*.el9.x86_64.rpm"), "--list").splitlines())
    own = ("/usr/lib/accelnet", "/usr/share/doc/accelnet", "/etc/accelnet", "/usr/share/fish")
    parents = {
        str(parent)
        for path in listed
        for parent in Path(path).parents
        if str(parent).startswith(own)
    }
    assert len(parents) > 20
    assert parents - listed == set()


def test_it_does_not_say_who_built_it(built: Path) -> None:
    """Nor when: the date is the commit's."""
    about = _asked(artifact(built, "*.el9.x86_64.rpm"), "--info")
    assert re.search(r"Build Host *: localhost\n", about)
    assert re.search(r"License *: Apache-2.0\n", about)
    assert _asked(artifact(built, "*.el9.x86_64.rpm"), "--scripts").count("scriptlet (using") == 4


# --- scriptlets, with programs that write down how they were called


@pytest.fixture(name="bin_folder")
def fixture_bin_folder(tmp_path: Path) -> Path:
    """systemctl and systemd-sysusers that fail, as in a root that is being made."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("systemctl", "systemd-sysusers", "find", "rm", "python3.11"):
        script = folder / name
        script.write_text(f'#!/bin/sh\necho "{name} $*" >>"$CALLS"\nexit 1\n')
        script.chmod(0o755)
    return folder


def _calls(folder: Path, scriptlet: str, argument: str) -> list[str]:
    text = (ROOT / "package/rpm" / scriptlet).read_text(encoding="utf-8")
    text = text.replace("@PYTHON@", "python3.11").replace("/run/systemd/system", "/")
    calls = folder / "calls"
    calls.write_text("")
    done = subprocess.run(
        ["/bin/sh", "-s", argument],
        input=text, text=True, capture_output=True, check=False,
        env={"PATH": f"{folder}:{os.environ['PATH']}", "CALLS": str(calls)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return calls.read_text().splitlines()


def test_an_installation_presets_and_an_upgrade_does_not(bin_folder: Path) -> None:
    """What an administrator has disabled stays so; and nothing fails the transaction."""
    units = "accelnet-agent.service accelnet-agent.socket accelnet-check.timer"
    preset = f"systemctl --no-reload preset {units}"
    assert preset in _calls(bin_folder, "post", "1")
    assert preset not in _calls(bin_folder, "post", "2")
    assert "systemd-sysusers accelnet.conf" in _calls(bin_folder, "post", "1")
    assert "systemctl daemon-reload" in _calls(bin_folder, "post", "2")


def test_modules_are_compiled_when_the_files_of_the_version_before_are_gone(
    bin_folder: Path,
) -> None:
    """Else what was compiled of them would keep their folders, which no package owns any more."""
    assert any("__pycache__" in call for call in _calls(bin_folder, "post", "2"))
    assert not any("compileall" in call for call in _calls(bin_folder, "post", "2"))
    assert _calls(bin_folder, "posttrans", "1") == [
        "python3.11 -IS -m compileall -q /usr/lib/accelnet"
    ]


def test_an_upgrade_restarts_what_runs_and_stops_nothing(bin_folder: Path) -> None:
    """By the scriptlets of the older package: preun and postun with 1."""
    assert _calls(bin_folder, "preun", "1") == []
    assert "systemctl try-restart accelnet-agent.service" in _calls(bin_folder, "postun", "1")


def test_a_removal_stops_and_disables(bin_folder: Path) -> None:
    """And leaves no old verdict to be collected."""
    calls = _calls(bin_folder, "preun", "0")
    assert calls[0].startswith("systemctl --no-reload disable --now accelnet-agent.socket")
    assert "rm -f /var/lib/prometheus/node-exporter/accelnet.prom" in calls
    assert not any("try-restart" in call for call in _calls(bin_folder, "postun", "0"))
