"""All that scripts/package builds: the same bytes each time, with sums and bills of materials."""

from __future__ import annotations

import hashlib
import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from recorders import python_of
from unpacking import PYTHONS, ROOT, artifact, needs, said

MACHINE = ROOT / "tests/fixtures/vf-down"


def test_building_twice_gives_the_same_bytes(built: Path, again: Path) -> None:
    """Whoever builds it, and whatever their umask, locale and time zone."""
    names = sorted(path.name for path in built.iterdir())
    assert names == sorted(path.name for path in again.iterdir())
    different = [
        name for name in names if (built / name).read_bytes() != (again / name).read_bytes()
    ]
    assert different == []


def test_the_artifacts_are_those_that_the_documents_name(built: Path) -> None:
    """And no others."""
    architectures = (("amd64", "x86_64"), ("arm64", "aarch64"))
    packages = [f"accelnet_0.1.0-1_{debian}.deb" for debian, _ in architectures]
    packages += [
        f"accelnet-0.1.0-1.{tag}.{machine}.rpm"
        for _, machine in architectures
        for tag in ("el9", "el10")
    ]
    packages += ["accelnet.pyz"]
    bills = [f"{name}.cdx.json" for name in packages]
    others = ["accelnet-0.1.0-py3-none-any.whl", "accelnet-0.1.0.tar.gz", "accelnet_record.py"]
    assert {path.name for path in built.iterdir()} == {*packages, *bills, *others, "SHA256SUMS"}


@needs("sha256sum")
def test_the_sums_are_right(built: Path) -> None:
    """As sha256sum reads them, of every file."""
    told = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=built, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert told.count(": OK") == len(list(built.iterdir())) - 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "the folder is missing"),
        (["--help"], "the folder is missing"),
        (["deb"], "the folder is missing"),
        (["tar", "x"], "tar is no target"),
    ],
)
def test_what_it_can_not_do_is_one_line(tmp_path: Path, arguments: list[str], why: str) -> None:
    """Which says what is expected."""
    done = subprocess.run(
        [ROOT / "scripts/package", *arguments],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 64
    said_last = done.stderr.splitlines()[-1]
    assert said_last.startswith(f"scripts/package: error: {why}; usage: scripts/package [deb|")
    assert list(tmp_path.iterdir()) == []


# --- bills of materials


BILLED = ("accelnet_*_amd64.deb", "accelnet_*_arm64.deb", "*.el9.x86_64.rpm", "accelnet.pyz")


def _bill(built: Path, name: str) -> tuple[Path, dict[str, Any]]:
    path = artifact(built, name)
    bill: dict[str, Any] = json.loads(Path(f"{path}.cdx.json").read_text(encoding="utf-8"))
    return path, bill


@pytest.mark.parametrize("name", BILLED)
def test_a_bill_is_about_its_artifact(built: Path, name: str) -> None:
    """By its hash."""
    path, bill = _bill(built, name)
    (digest,) = bill["metadata"]["component"]["hashes"]
    assert digest["content"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")


@pytest.mark.parametrize("name", BILLED)
def test_a_bill_names_releases_that_are_pinned(built: Path, name: str) -> None:
    """With the hash that requirements/run.txt has of them."""
    _, bill = _bill(built, name)
    pinned = (ROOT / "requirements/run.txt").read_text(encoding="utf-8")
    assert bill["components"]
    for one in bill["components"]:
        (digest,) = one["hashes"]
        assert f"{one['name']}=={one['version']}" in pinned
        assert digest["content"] in pinned
        assert one["licenses"][0]["expression"]


def test_the_zipapp_has_one_release_beside_ours(built: Path) -> None:
    """All that accelnet-check asks for of others."""
    _, bill = _bill(built, "accelnet.pyz")
    assert [one["name"] for one in bill["components"]] == ["packaging"]


# --- accelnet-check as one file


@pytest.mark.parametrize("version", PYTHONS)
def test_the_zipapp_says_what_the_command_says(built: Path, version: str) -> None:
    """The same report, by each Python that is supported."""
    command = [python_of(version), "-I", str(built / "accelnet.pyz"), "--bundle", str(MACHINE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == (MACHINE / "report.txt").read_text(encoding="utf-8")
    assert done.returncode == 2


@pytest.mark.parametrize("version", PYTHONS)
def test_the_zipapp_explains_and_summarizes(built: Path, tmp_path: Path, version: str) -> None:
    """What lies in it as files is found in it, and what is imported late."""
    command = [python_of(version), "-I", str(built / "accelnet.pyz")]
    runbook = (ROOT / "docs/runbooks/vf-paired.md").read_text(encoding="utf-8")
    assert said(*command, "--explain", "vf-paired") == runbook
    for form in ("json", "junit", "prometheus", "nagios", "tap"):
        done = subprocess.run(
            [*command, "--bundle", str(MACHINE), "--format", form],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (2, "")
        (tmp_path / form).write_text(done.stdout, encoding="utf-8")
    done = subprocess.run(
        [*command, "--summarize", str(tmp_path / "json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("FAIL: 1 of 1 VM")


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.9"])
def test_an_old_python_is_told_what_to_do(built: Path, version: str) -> None:
    """In one line, with the status of what can not be used."""
    command = [python_of(version), str(built / "accelnet.pyz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr == (
        f"accelnet-check: error: this is Python {version} and 3.10 is needed;"
        " record this machine with accelnet_record.py\n"
    )


# --- for pip


def test_the_wheel_has_what_the_checkout_has(built: Path) -> None:
    """Every module, runbook and schema; manuals and completions as data."""
    with zipfile.ZipFile(artifact(built, "*.whl")) as wheel:
        names = set(wheel.namelist())
    for package, folder in (("accelnet_agent", "agent"), ("accelnet_probes", "probes")):
        for path in (ROOT / folder / package).rglob("*.py"):
            assert str(path.relative_to(ROOT / folder)) in names
    for path in (ROOT / "docs/runbooks").glob("*.md"):
        assert f"accelnet_agent/runbooks/{path.name}" in names
    data = "accelnet-0.1.0.data/data/share"
    assert f"{data}/man/man1/accelnet-check.1" in names
    assert f"{data}/fish/vendor_completions.d/accelnet-agent.fish" in names


def test_the_wheel_of_the_sdist_is_the_same(built: Path, tmp_path: Path) -> None:
    """Whoever builds it from the sources has what is published."""
    said("tar", "-C", tmp_path, "-xf", artifact(built, "*.tar.gz"))
    (source,) = tmp_path.iterdir()
    python = ROOT / ".venv-package/bin/python"
    subprocess.run(
        [python, "-I", "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "wheel"],
        cwd=source, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = (tmp_path / "wheel").iterdir()
    assert wheel.read_bytes() == artifact(built, "*.whl").read_bytes()
